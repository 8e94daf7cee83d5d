"""The record of a sample's audit: its scores, and the scores that could not be measured with the reasons.

The record decides nothing; curation.status.gate reads what it means for the sample. All shares and similarities are
rounded to 4 digits, so that the last bits of a sum do not change the record.
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

# The scores of `Audit.scores`, in its order, and whether high or low values are good.
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
    """The CLIP similarity (cosine) of each keyframe's caption and its own picture.

    `keyframes` is aligned with the summary's `v2v`, null where the caption or the picture is missing; `worst` is the
    smallest value and `worst_time` the time of its keyframe. Only values of the same `clip` can be compared.
    """

    clip: str
    keyframes: tuple[Cosine | None, ...]
    mean: Cosine
    worst: Cosine
    worst_time: Seconds


class Coverage(Record):
    """How much of the video the summary represents; curation.audit.formulas has the formulas.

    `captions`: how well the keyframes' captions represent the captions of all frames; `text`: how well the sentences
    represent the keyframes' captions; `shots`: the share of the shots that hold a keyframe.
    """

    captions: Share
    text: Share
    shots: Share


class Redundancy(Record):
    """How far sentences repeat each other, and pictures of keyframes repeat each other; 0 when there is only one."""

    sentences: Share
    pictures: Share


class SentenceSupport(Record):
    """The support of one sentence of the summary by the captions and pictures that it cites.

    `words`: the share of its content words that the cited captions hold (null: it has no content words); `similarity`:
    the largest cosine to a cited caption; `score`: the mean of both; `picture`: how often a cited picture is nearer to
    the sentence than the picture of another keyframe (0.5 is chance; null without CLIP or without other keyframes).
    `contradicted`: claims such as `red shirt` whose thing the cited captions show in other colours only. A sentence
    with such a claim is not supported. Audits of earlier versions did not look for them.
    """

    score: Share
    words: Share | None
    similarity: Share
    picture: Share | None
    supported: bool
    contradicted: tuple[str, ...] = ()


class Support(Record):
    """The support of all sentences in order, the share without support, and the means of `score` and `picture`."""

    sentences: tuple[SentenceSupport, ...] = Field(min_length=1)
    unsupported: Share
    mean: Share
    pictures: Share | None


class Criterion(Record):
    """One criterion of the judge's rubric: its score from 1 (bad) to 5 (good), and the reason."""

    name: str
    score: int = Field(ge=1, le=5)
    reason: str


class Rating(Record):
    """The judge's scores by criterion; `mean` is the mean of the criteria, 1..5."""

    maker: Maker
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    mean: float = Field(ge=1, le=5)


class Missing(Record):
    """A score, or a part of a score, that is missing, and the reason."""

    score: str
    reason: str


class Mark(Record):
    """A score on the wrong side of its threshold. It has no effect on the sample; it helps people to choose."""

    score: str
    value: float
    limit: float


class Audit(Record):
    """The scores of one sample. With `mode: disable` nothing is measured; only `enable` sets marks."""

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
        """The measured scores by the names of `GOOD`, in the order of `GOOD`."""
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
