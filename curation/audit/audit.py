"""The audit of a finished sample: grounding, coverage, redundancy, support and an optional judge.

The audit never rejects a sample. A score that cannot be measured is missing, with the reason. Only errors of the whole
run are raised: a model that is gone, a stop, a full device, a configured model that cannot be opened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import sqlalchemy as sa

from curation.audit import measures
from curation.audit.formulas import Vectors
from curation.audit.judge import Judged, judge
from curation.audit.measures import ClipVectors, Keyframe
from models.chat import ChatModel, Embedder
from models.clip import Clip
from prompts import Prompt
from schemas.audit import Audit, Mark, Missing
from schemas.configuration.config import AuditConfig
from schemas.errors import ConfigError, PermanentError, RunStopped, StageError, TransientError, is_storage_full
from schemas.kit.blame import blame
from schemas.parts.screen_text import ScreenText
from schemas.parts.transcript import Transcript
from schemas.records import CaptionSet, Effort, FrameSet, Summary
from schemas.safe_text import plain_line, public_text
from schemas.time import FrameIndex

log = logging.getLogger(__name__)

T = TypeVar("T")
_PICTURES = 64  # JPEGs held at a time
_LONGEST = 500
NO_CLIP = "no clip is configured (models.clip)"
NO_JUDGE = "no judge is configured (models.judge)"


class Tools(NamedTuple):
    """The models and the prompt of the audit. Each function opens its model at the first call; None: not configured.

    `raise_if_stopped` is called between steps and raises RunStopped when the run stops.
    """

    embedder: Callable[[], Embedder]
    clip: Callable[[], Clip | None]
    judge: Callable[[], ChatModel | None]
    prompt: Prompt | None = None
    raise_if_stopped: Callable[[], None] = lambda: None


def audit(
    frames: FrameSet,
    captions: CaptionSet,
    summary: Summary,
    read: Callable[[FrameIndex], bytes],
    tools: Tools,
    config: AuditConfig,
    transcript: Transcript | None = None,
    written: ScreenText | None = None,
) -> Audit:
    """Measure a sample. `read(index)` gives the JPEG of a keyframe; it is called only when a CLIP is configured.

    What a `transcript` says near a keyframe, and what is `written` there, supports a sentence as its caption does.

    Raises RunStopped when the run stops, TransientError when a model is gone, and what is no sample's fault
    (schemas/kit/blame.py: a full device, memory, the database); nothing else.
    """
    if config.mode == "disable":
        return Audit(mode=config.mode)
    notes = _Notes(tools.raise_if_stopped)
    keyframes = measures.keyframes_of(frames, captions, summary)
    caption_texts = [c.text for c in captions.captions]
    sentences = [s.text for s in summary.v2vt]
    told = measures.told_near(keyframes, transcript, written)
    by_embedder = ("coverage", "redundancy", "support")
    embedder = notes.attempt(by_embedder, tools.embedder)
    text_vectors = (
        notes.attempt(
            by_embedder, lambda: measures.embedded([*caption_texts, *sentences, *told.values()], embedder.embed)
        )
        if embedder
        else None
    )
    clip_vectors = notes.attempt(
        ("grounding", "support_pictures"), lambda: _look(keyframes, sentences, read, tools, notes)
    )
    coverage = redundancy = support = None
    if text_vectors is not None:
        known = text_vectors
        coverage = notes.attempt(
            ("coverage",), lambda: measures.coverage(frames, keyframes, caption_texts, sentences, known)
        )
        redundancy = notes.attempt(("redundancy",), lambda: measures.redundancy(keyframes, sentences, known))
        support = notes.attempt(
            ("support",), lambda: measures.support(keyframes, summary.v2vt, known, clip_vectors, config.support, told)
        )
    grounding = (
        notes.attempt(("grounding",), lambda: measures.grounding(keyframes, clip_vectors)) if clip_vectors else None
    )
    judged = notes.attempt(("judge",), lambda: _judge(keyframes, summary, tools, config))
    if judged is not None and judged.rating is None:
        notes.miss(("judge",), judged.reason)
    result = Audit(
        mode=config.mode,
        embedder=embedder.name if embedder is not None else None,
        grounding=grounding,
        coverage=coverage,
        redundancy=redundancy,
        support=support,
        rating=judged.rating if judged is not None else None,
        missing=tuple(notes.missing),
        effort=judged.effort if judged is not None else Effort(),
    )
    return result.model_copy(update={"marks": marks(result, config)})


def marks(result: Audit, config: AuditConfig) -> tuple[Mark, ...]:
    """The scores on the wrong side of a configured threshold; none unless the mode is `enable`."""
    if config.mode != "enable":
        return ()
    least = {"grounding": config.min_grounding, "coverage": config.min_coverage}
    most = {"redundancy": config.max_redundancy, "unsupported": config.max_unsupported}
    measured = result.scores()
    wrong = [(name, limit) for name, limit in least.items() if limit is not None and measured.get(name, limit) < limit]
    wrong += [(name, limit) for name, limit in most.items() if limit is not None and measured.get(name, limit) > limit]
    return tuple(Mark(score=name, value=measured[name], limit=limit) for name, limit in wrong)


class _Notes:
    """Runs the steps of an audit and notes why some of them gave no result."""

    def __init__(self, raise_if_stopped: Callable[[], None]) -> None:
        self._raise_if_stopped = raise_if_stopped
        self.missing: list[Missing] = []

    def miss(self, names: Sequence[str], reason: str) -> None:
        words = plain_line(public_text(reason))[:_LONGEST]
        self.missing += [Missing(score=name, reason=words) for name in names]

    def attempt(self, names: Sequence[str], work: Callable[[], T]) -> T | None:
        """The result of a step; None, and a note under each name, when it fails. Errors of the whole run are raised."""
        self._raise_if_stopped()
        try:
            return work()
        except (RunStopped, TransientError, sa.exc.OperationalError):
            raise
        except ConfigError as error:
            raise RunStopped(f"the audit cannot go on: {error}") from error
        except Exception as error:
            self._raise_if_stopped()  # a failure while the run stops says nothing about the sample
            if is_storage_full(error) or blame(error) != "video":
                raise
            # Any other error in one score loses that score, not the sample.
            if isinstance(error, StageError):
                self.miss(names, str(error))
            else:
                log.exception("audit: %s could not be measured", ", ".join(names))
                self.miss(names, f"{type(error).__name__}: {error}")
        return None


def _look(
    keyframes: Sequence[Keyframe],
    sentences: Sequence[str],
    read: Callable[[FrameIndex], bytes],
    tools: Tools,
    notes: _Notes,
) -> ClipVectors | None:
    """CLIP's vectors of the keyframes' pictures, captions and of the sentences; None and a note without pictures."""
    clip = tools.clip()
    if clip is None:
        notes.miss(("grounding", "support_pictures"), NO_CLIP)
        return None
    pictures: list[Vectors | None] = []
    failed = False
    for start in range(0, len(keyframes), _PICTURES):
        images: list[bytes | None] = []
        for keyframe in keyframes[start : start + _PICTURES]:
            # Reading a missing picture decodes the whole video, so no picture is read after the first failure.
            image = None if failed else _picture(keyframe, read, notes)
            failed = image is None
            images.append(image)
        readable = [image for image in images if image is not None]
        rows = iter(measures.vectors_of(readable, clip.embed_images) if readable else ())
        pictures += [None if image is None else next(rows) for image in images]
    if all(picture is None for picture in pictures):
        notes.miss(("support_pictures",), "no keyframe's picture could be read")
        return None
    shown = [k.caption for k in keyframes if k.caption is not None]
    return ClipVectors(clip.name, tuple(pictures), measures.embedded([*shown, *sentences], clip.embed_texts))


def _picture(keyframe: Keyframe, read: Callable[[FrameIndex], bytes], notes: _Notes) -> bytes | None:
    def reading() -> bytes:
        if keyframe.frame is None:
            raise PermanentError("picture_missing", f"no sampled frame at {keyframe.time:g} s")
        try:
            return read(keyframe.frame.index)
        except FileNotFoundError as error:
            raise PermanentError("picture_missing", f"frame {keyframe.frame.index}") from error

    return notes.attempt(("grounding",), reading)


def _judge(keyframes: Sequence[Keyframe], summary: Summary, tools: Tools, config: AuditConfig) -> Judged:
    model = tools.judge()
    if model is None or tools.prompt is None:
        return Judged(None, NO_JUDGE, Effort())
    captions = [(k.time, k.caption) for k in keyframes if k.caption is not None]
    return judge(captions, summary.v2vt, model, tools.prompt, config)
