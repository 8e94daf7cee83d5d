"""The audit of a finished sample: what was measured of it, what could not be measured and why. It decides nothing.

All shares and similarities are rounded to 4 digits, so that the last bits of a sum make no other record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from schemas.records import Effort, Maker, Record
from schemas.time import Seconds

Share = Annotated[float, Field(ge=0, le=1)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Mode = Literal["enable", "disable", "score-only"]

# The scores of `Audit.scores`, in its order, and what is good: high or low values.
GOOD: Mapping[str, Literal["high", "low"]] = {
    "grounding": "high",
    "grounding_worst": "high",
    "coverage": "high",
    "coverage_shots": "high",
    "coverage_text": "high",
    "redundancy": "low",
    "redundancy_pictures": "low",
    "unsupported": "low",
    "support": "high",
    "support_pictures": "high",
    "judge": "high",
}


class Grounding(Record):
    """CLIP similarity (cosine) of each keyframe's caption with its own picture.

    `keyframes` is aligned with the summary's `v2v`, null where caption or picture are missing; `worst` is the smallest
    value and `worst_time` its keyframe. Values compare within one `clip` only.
    """

    clip: str
    keyframes: tuple[Cosine | None, ...]
    mean: Cosine
    worst: Cosine
    worst_time: Seconds


class Coverage(Record):
    """How much of the video the summary stands for; see curation.audit.formulas for the formulas.

    `captions`: of the captioned frames, by the keyframes' captions; `text`: of the keyframes' captions, by the
    sentences; `shots`: share of the shots with a keyframe.
    """

    captions: Share
    text: Share
    shots: Share


class Redundancy(Record):
    """How far each sentence (keyframe's picture) is also said (shown) by another one; 0 when there is only one."""

    sentences: Share
    pictures: Share


class SentenceSupport(Record):
    """One sentence of the summary against what it cites.

    `words`: share of its content words that its captions hold (null: it has none); `similarity`: largest cosine to one
    of its captions; `score`: their mean; `picture`: how often a cited picture is nearer to it than another keyframe's
    (0.5 is chance; null without CLIP or without other keyframes).
    """

    score: Share
    words: Share | None
    similarity: Share
    picture: Share | None
    supported: bool


class Support(Record):
    """The sentences in order, the share that is not supported, and means of `score` and `picture`."""

    sentences: tuple[SentenceSupport, ...] = Field(min_length=1)
    unsupported: Share
    mean: Share
    pictures: Share | None


class Criterion(Record):
    """One line of the judge's rubric: 1 (bad) to 5 (good), with its reason."""

    name: str
    score: int = Field(ge=1, le=5)
    reason: str


class Rating(Record):
    """What the judge said; `mean` of the criteria, 1..5."""

    maker: Maker
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    mean: float = Field(ge=1, le=5)


class Missing(Record):
    """A score that is not there (or a part of it), and why."""

    score: str
    reason: str


class Mark(Record):
    """A score on the wrong side of its threshold: something for people to look at, nothing more."""

    score: str
    value: float
    limit: float


class Audit(Record):
    """The scores of one sample. `mode: disable` measures nothing; only `enable` sets marks."""

    mode: Mode
    embedder: str | None = None
    grounding: Grounding | None = None
    coverage: Coverage | None = None
    redundancy: Redundancy | None = None
    support: Support | None = None
    rating: Rating | None = None
    missing: tuple[Missing, ...] = ()
    marks: tuple[Mark, ...] = ()
    effort: Effort = Effort()

    def scores(self) -> dict[str, float]:
        """The scores that are there, flat, by the names of `GOOD` and in their order."""
        values: dict[str, float | None] = dict.fromkeys(GOOD)
        if self.grounding is not None:
            values |= {"grounding": self.grounding.mean, "grounding_worst": self.grounding.worst}
        if (covered := self.coverage) is not None:
            values |= {"coverage": covered.captions, "coverage_shots": covered.shots, "coverage_text": covered.text}
        if self.redundancy is not None:
            values |= {"redundancy": self.redundancy.sentences, "redundancy_pictures": self.redundancy.pictures}
        if (support := self.support) is not None:
            values |= {"unsupported": support.unsupported, "support": support.mean}
            values["support_pictures"] = support.pictures
        if self.rating is not None:
            values["judge"] = self.rating.mean
        return {name: value for name, value in values.items() if value is not None}
