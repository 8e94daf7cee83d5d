"""The table of stages: everything that the program knows about each of them.

To add a stage, write a record in `schemas/`, a function in `curation/pipeline/stage_functions.py`, and an entry here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from schemas.audit import Audit
from schemas.binding import Binding
from schemas.configuration.text_config import RECOGNISING
from schemas.parts.denoised import Denoised
from schemas.parts.safety import Safety
from schemas.parts.screen_text import ScreenText
from schemas.parts.transcript import Transcript
from schemas.records import CaptionSet, Extract, FrameSet, Judgement, Record, Summary, Video

Lane = Literal["download", "decode", "model"]
Role = Literal["captioner", "summarizer", "judge"]
Model = Literal[
    "captioner",
    "summarizer",
    "judge",
    "annotators",
    "embedder",
    "clip",
    "extractor",
    "transcriber",
    "reader",
    "faces",
    "nudity",
]
LANES: tuple[Lane, ...] = ("download", "decode", "model")
ROLES: tuple[Role, ...] = ("captioner", "summarizer", "judge")
OCR = "ocr"  # the optional stage that reads the text in the pictures
OCR_FILTER = "ocr-filter"  # the one that judges how much of the picture it covers
SAFETY = "safety"  # the optional stage that scores faces and nudity in the pictures
SAFETY_FILTER = "safety-filter"  # the one that judges these scores
EXPORT = "export"  # not a stage, but a finished sample can be refused there
TRANSCRIBE = "transcribe"  # the optional stage whose record is told to models
DENOISE = "denoise"  # the optional stage that corrects it before
SOURCE = "source"  # not a stage, but an unusable list row is rejected there


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    `version` is raised when the same inputs would give another result. `needs` names earlier stages whose results the
    stage reads, or `source` (the address) or `listing` (all that the list row says). `record` is the type of its
    results.

    `keys` are the keys of the configuration that can change a finished result (`section.key`). `limits` are keys that
    can only decide whether a video fails: a change gives rejected videos another try and leaves finished ones alone.
    Every other key changes nothing. `switch` is a key whose value `disable` turns the stage off; nothing else matters
    then. A check that is off still has a result, which says so. A published stage that is off is left out (`optional`):
    it has no result, and the stages that need it are made as if it were not in the table. A key that is added later is
    listed in `later_keys` with the value under which earlier results were made: at that value it is left out of the
    hash, so that old results stay valid. `later_limits` does the same for limits. `used_when` names later keys
    that matter only where another key has one of some values; elsewhere they are left out too.

    `lane` is what the stage keeps busy, None for a stage that takes no time. `asks` is the chat model that it sends
    requests to, with `prompt`; `told` is the prompt that tells this model what an optional stage found; `models` are
    further models that its results depend on, under any configuration or, with `models_when`, where a key has one of
    these values; `beside` are models that are asked in turn with `asks`, and `instead` is one that works in its place,
    where they are configured. `checks` names the stage whose results it checks: of a check only scores are published
    (SCORED), and no later stage depends on it.
    """

    name: str
    version: int
    needs: tuple[str, ...]
    record: type[Record]
    keys: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    switch: str | None = None
    later_keys: tuple[tuple[str, object], ...] = ()
    used_when: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    later_limits: tuple[tuple[str, object], ...] = ()
    lane: Lane | None = None
    asks: Role | None = None
    prompt: str | None = None
    told: str | None = None
    models: tuple[Literal["embedder", "clip", "transcriber", "reader", "faces", "nudity"], ...] = ()
    models_when: tuple[str, tuple[str, ...]] | None = None
    beside: Literal["annotators"] | None = None
    instead: Literal["extractor"] | None = None
    checks: str | None = None

    @property
    def published(self) -> bool:
        """Whether the stage's record is a part of the published sample."""
        return self.checks is None

    @property
    def optional(self) -> bool:
        """Whether the stage is left out where the configuration turns it off."""
        return self.switch is not None and self.checks is None

    def works_with(self, models: object) -> tuple[tuple[Model, ...], str | None]:
        """The roles that its results depend on, and its prompt.

        `models` has an attribute for each role, None for a model that is not configured, empty for none of several.
        """
        if self.instead is not None and getattr(models, self.instead) is not None:
            return (self.instead, *self.models), None
        beside = (self.beside,) if self.beside is not None and getattr(models, self.beside) else ()
        return (*((self.asks,) if self.asks is not None else ()), *beside, *self.models), self.prompt


class StageTable:
    """The stages in the order in which they run. Iterating gives those that every configuration has."""

    def __init__(self, *stages: Stage) -> None:
        """Put the stages in order."""
        self._stages = stages

    def __iter__(self) -> Iterator[Stage]:
        return (stage for stage in self._stages if not stage.optional)

    @property
    def every(self) -> tuple[Stage, ...]:
        """All stages, the optional ones too."""
        return self._stages

    @property
    def optional(self) -> tuple[str, ...]:
        """The names of the stages that a configuration may turn off altogether."""
        return tuple(stage.name for stage in self._stages if stage.optional)

    def of(self, on: Collection[str]) -> tuple[Stage, ...]:
        """The stages of a configuration that turns these optional stages on."""
        return tuple(stage for stage in self._stages if not stage.optional or stage.name in on)

    def needs(self, stage: Stage, on: Collection[str]) -> tuple[str, ...]:
        """What a stage reads under a configuration that turns these optional stages on."""
        return tuple(name for name in stage.needs if name in on or name not in self.optional)

    def __getitem__(self, name: str) -> Stage:
        for stage in self._stages:
            if stage.name == name:
                return stage
        raise KeyError(name)

    def add(self, stage: Stage) -> None:
        """Put a stage at the end. Call it before a workspace is opened."""
        self._stages = (*self._stages, stage)

    def remove(self, name: str) -> None:
        """Take a stage out again."""
        self._stages = tuple(stage for stage in self._stages if stage.name != name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in order, without optional stages."""
        return tuple(stage.name for stage in self)

    @property
    def published(self) -> tuple[str, ...]:
        """The names of the stages whose records are published."""
        return tuple(stage.name for stage in self._stages if stage.published)

    @property
    def checks(self) -> frozenset[str]:
        """The names of the stages that check others."""
        return frozenset(stage.name for stage in self._stages if not stage.published)

    @property
    def written_by_models(self) -> tuple[str, ...]:
        """The names of the published stages of every run that ask a model: the columns of `provenance`."""
        return tuple(stage.name for stage in self if stage.published and stage.asks is not None)

    @property
    def places_of_rejection(self) -> tuple[str, ...]:
        """Where a video can be rejected, in order: its list row, the stages, the export."""
        return (SOURCE, *(stage.name for stage in self._stages), EXPORT)

    def later(self, name: str) -> tuple[str, ...]:
        """The stages whose results stop being current when this one's change; none after a check.

        Those after an optional stage are the ones that read it, or read what follows from it.
        """
        stage = self[name]
        if not stage.published:
            return ()
        if stage.optional:
            return self._following(name)
        names = tuple(stage.name for stage in self._stages)
        return (*names[names.index(name) + 1 :], EXPORT)

    def _following(self, name: str) -> tuple[str, ...]:
        """What is made of an optional stage. A check counts with the stage that it checks: it is due by itself."""
        found = {name}
        for stage in self._stages:
            if not found.isdisjoint(stage.needs) and (stage.checks is None or stage.checks in found):
                found.add(stage.name)
        last = (EXPORT,) if SUMMARY in found else ()
        return (*(stage.name for stage in self._stages if stage.name in found - {name}), *last)

    def checked_with(self, name: str) -> tuple[str, ...]:
        """A stage and the checks of its results."""
        return (name, *(stage.name for stage in self._stages if stage.checks == name))

    def charged_to(self, name: str) -> Role | None:
        """The model whose cost the stage's requests are: the one that it asks, else the one of the stage it checks."""
        stage = self[name]
        return stage.asks if stage.asks is not None or stage.checks is None else self[stage.checks].asks


def _keys(section: str, names: str) -> tuple[str, ...]:
    return tuple(f"{section}.{name}" for name in names.split())


FILTERS = _keys(
    "filters",
    "duration.mode duration.min duration.max height.mode height.min height.max "
    "licence.mode licence.allow licence.deny licence.unknown language.mode language.allow language.deny "
    "language.unknown live.mode blocklist.mode blocklist.allow blocklist.deny blocklist.unknown",
)
# A refusal by policy depends on these and on the list row, at whichever stage the video was refused.
POLICY = (*FILTERS, *_keys("download", "allow_private_addresses schemes"))

STAGES = StageTable(
    Stage(
        "download",
        1,
        ("source",),
        Video,
        keys=_keys("download", "max_height prefer_codec subtitles"),
        later_keys=(("download.sound", False),),
        limits=_keys("download", "max_megabytes wall_seconds allow_private_addresses schemes"),
        later_limits=(
            ("download.max_page_megabytes", 16.0),
            ("download.memory_megabytes", 1024.0),
            ("download.cpu_seconds", 60.0),
        ),
        lane="download",
    ),
    Stage("filter", 1, ("listing", "download"), Judgement, keys=FILTERS),
    Stage(
        "frames",
        1,
        ("download",),
        FrameSet,
        keys=_keys(
            "frames",
            "fps short_side jpeg_quality backend near_duplicates.mode near_duplicates.max_distance "
            "near_duplicates.max_difference",
        ),
        limits=_keys("frames", "max_frames wall_seconds memory_megabytes"),
        lane="decode",
    ),
    Stage(
        OCR,
        1,
        ("frames",),
        ScreenText,
        keys=_keys("ocr", "mode per_shot"),
        switch="ocr.mode",
        lane="decode",
        models=("reader",),
    ),
    Stage(
        OCR_FILTER,
        1,
        (OCR,),
        Judgement,
        keys=_keys("ocr", "mode share.mode share.min share.max"),
        switch="ocr.mode",
    ),
    Stage(
        SAFETY,
        1,
        ("frames",),
        Safety,
        keys=("safety.mode",),
        switch="safety.mode",
        lane="decode",
        models=("faces", "nudity"),
    ),
    Stage(
        SAFETY_FILTER,
        1,
        (SAFETY,),
        Judgement,
        keys=_keys("safety", "mode faces.mode faces.min faces.max nudity.mode nudity.max"),
        switch="safety.mode",
    ),
    Stage(
        TRANSCRIBE,
        3,
        ("download",),
        Transcript,
        keys=_keys("transcribe", "mode max_segments max_characters"),
        later_keys=(
            ("transcribe.language", None),
            ("transcribe.voice", "loudness"),
            ("transcribe.piece_seconds", 28.0),
            ("transcribe.max_seconds", 14_400.0),
        ),
        used_when=tuple(
            (f"transcribe.{name}", "transcribe.mode", RECOGNISING)
            for name in ("language", "voice", "piece_seconds", "max_seconds")
        ),
        switch="transcribe.mode",
        models=("transcriber",),
        models_when=("transcribe.mode", RECOGNISING),
    ),
    Stage(
        DENOISE,
        2,
        (TRANSCRIBE,),
        Denoised,
        keys=_keys("denoise", "mode max_tokens attempts"),
        switch="denoise.mode",
        lane="model",
        asks="summarizer",
        prompt=DENOISE,
    ),
    Stage(
        "caption",
        1,
        ("frames",),
        CaptionSet,
        keys=_keys("caption", "max_tokens attempts"),
        later_keys=(("caption.unit", "frame"), ("caption.clip_frames", 4)),
        used_when=(("caption.clip_frames", "caption.unit", ("clip",)),),
        limits=_keys("caption", "max_failed language"),
        lane="model",
        asks="captioner",
        prompt="caption",
    ),
    Stage(
        "binding",
        1,
        ("frames", "caption"),
        Binding,
        keys=_keys("binding", "sample others"),
        switch="binding.mode",
        lane="model",
        models=("clip",),
        checks="caption",
    ),
    Stage(
        "extract",
        2,
        ("frames", "caption", TRANSCRIBE, DENOISE),
        Extract,
        keys=_keys(
            "extract",
            "ratio_min ratio_target ratio_max min_keyframes max_keyframes window_frames overlap_frames max_tokens "
            "attempts",
        ),
        later_keys=(("extract.annotators", 1),),
        lane="model",
        asks="summarizer",
        prompt="extract",
        told="extract-speech",
        beside="annotators",
        instead="extractor",
    ),
    Stage(
        "refine",
        3,
        ("caption", "extract", TRANSCRIBE, DENOISE),
        Summary,
        keys=_keys("refine", "similarity window_seconds lines max_tokens attempts language"),
        lane="model",
        asks="summarizer",
        prompt="refine",
        told="refine-speech",
        models=("embedder",),
    ),
    Stage(
        "audit",
        1,
        ("frames", "caption", "refine", TRANSCRIBE, DENOISE, OCR),
        Audit,
        keys=_keys(
            "audit",
            "mode min_grounding min_coverage max_redundancy max_unsupported support judge_max_tokens attempts",
        ),
        switch="audit.mode",
        lane="model",
        asks="judge",
        prompt="judge",
        models=("embedder", "clip"),
        checks="refine",
    ),
)
SCORED = ("binding", "audit")  # checks whose scores are published with the sample
SUMMARY = "refine"  # the last stage whose record is published: a refusal at the export holds for its digest
