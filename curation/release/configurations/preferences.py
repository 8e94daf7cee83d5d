"""The configuration `preferences`: what people preferred to what the models had made, as TRL's DPO trainer takes it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from curation.frames.safety.blur import Blur, of_all_pictures
from curation.release.configurations.configuration import Configuration, Inputs, Row
from curation.release.preferences.pairs import Pair, pairs
from curation.release.preferences.questions import Questions
from curation.review.rules import STATUS
from schemas.errors import PermanentError, ReleaseRefused, StageError
from schemas.records import Sample

if TYPE_CHECKING:
    from datasets import Features

Images = Callable[[Sample, Pair, Inputs], list[dict[str, object]]]


@functools.cache
def features() -> Features:
    """The columns. `prompt`, `chosen` and `rejected` are lists of messages; `images` holds the picture of a caption.

    `kind` is `caption`, `keyframes` or `summary`. `index` and `time` (seconds) are of the captioned frame, null for
    other kinds, as is `image_sha256`. `prompt_asked`: the model was asked exactly this, in one request. `departs`: why
    `chosen` could not be an answer to the prompt, null where it could. `applied`: the published row carries the
    person's edits. `verdict` is the decision as the person gave it.
    """
    from datasets import Features, Image, List, Value

    string, flag = Value("string"), Value("bool")
    messages = List({"role": string, "content": string})
    return Features(
        {
            "id": string,
            "kind": string,
            "prompt": messages,
            "chosen": messages,
            "rejected": messages,
            "images": List(Image()),
            "index": Value("int32"),
            "time": Value("float64"),
            "image_sha256": string,
            "prompt_id": string,
            "prompt_sha256": string,
            "prompt_asked": flag,
            "departs": string,
            "model": string,
            "revision": string,
            "annotator": string,
            "verdict": string,
            "reasons": List(string),
            "stratum": string,
            "review_status": string,
            "applied": flag,
            "split": string,
        }
    )


def rows(inputs: Inputs) -> Iterator[Row]:
    """One row a pair, by id of the video; only of published samples. Raises ReleaseRefused for a lost picture."""
    return _rows(inputs, _images)


def rows_without_pictures(inputs: Inputs) -> Iterator[Row]:
    """The same rows without `images`; no picture is read."""
    return _rows(inputs, lambda _sample, _pair, _inputs: [])


def _rows(inputs: Inputs, images: Images) -> Iterator[Row]:
    people, services = inputs.standings.people, inputs.services
    questions = Questions(services.prompts, services.config)
    judged = set(people.judged())
    for sample, ruled in people.rulings([name for name in sorted(inputs.splits) if name in judged]):
        for pair in pairs(sample, ruled, questions):
            yield _row(sample, pair) | {
                "images": images(sample, pair, inputs),
                "review_status": STATUS[ruled.outcome],
                "split": inputs.splits[sample.video.id],
            }


def _row(sample: Sample, pair: Pair) -> Row:
    verdict, asked = pair.vote.verdict, pair.asked
    frame = None if pair.frame is None else sample.frames.frames[pair.frame]
    return {
        "id": sample.video.id,
        "kind": pair.kind,
        "prompt": _message("user", asked.question.text),
        "chosen": _message("assistant", pair.chosen),
        "rejected": _message("assistant", pair.rejected),
        "index": pair.frame,
        "time": None if frame is None else frame.time,
        "image_sha256": None if frame is None else frame.sha256,
        "prompt_id": asked.prompt.id,
        "prompt_sha256": asked.prompt.sha256,
        "prompt_asked": asked.whole,
        "departs": pair.departs,
        "model": asked.maker.model,
        "revision": asked.maker.revision,
        "annotator": verdict.annotator,
        "verdict": verdict.decision,
        "reasons": list(verdict.reasons),
        "stratum": verdict.stratum,
        "applied": pair.applied,
    }


def _message(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def _images(sample: Sample, pair: Pair, inputs: Inputs) -> list[dict[str, object]]:
    """The picture that a caption is of, blurred by the policy; none for other kinds and where releases hold none."""
    services = inputs.services
    if pair.frame is None or not services.config.export.images:
        return []
    try:
        data = services.pictures.read(sample.video, sample.frames, pair.frame)
    except (StageError, FileNotFoundError) as error:
        what = error if isinstance(error, StageError) else PermanentError("image_missing", f"frame {pair.frame}")
        raise ReleaseRefused(
            "the release is refused, and nothing was written: a picture of a preference pair cannot be read "
            f"({sample.video.id}: {what}). `v2xum curate` fetches lost files again"
        ) from error
    data = Blur(sample.safety, of_all_pictures(services.config.export.blur)).apply(pair.frame, data)
    return [{"bytes": data, "path": f"{sample.video.id}_{pair.frame:06d}.jpg"}]


PREFERENCES = Configuration(
    "preferences",
    "What a person wrote or chose, beside what the model had made and what it was asked: caption, keyframes, summary.",
    features,
    of_ledger=rows,
)
