"""The records of the binding audit of one video. They are stored beside the samples; only `scores` is published."""

from __future__ import annotations

from pydantic import Field

from schemas.records import Effort, Record


class CanaryOutcome(Record):
    """One canary, that is a picture with known content, and its caption.

    `picture` is the name of the picture; `seed` draws it again; a right caption holds one word of each group in
    `words`. `said` is the caption; `right` says whether it is right. `server` is the address that answered, empty for a
    model in this process.
    """

    picture: str
    seed: str
    words: tuple[tuple[str, ...], ...]
    said: str
    right: bool
    server: str = ""
    effort: Effort = Effort()


class CanaryOutcomes(Record):
    """The canaries that were captioned among the frames of one video."""

    outcomes: tuple[CanaryOutcome, ...] = ()


class Binding(Record):
    """The binding audit's figures of one video.

    `asked` canaries were captioned with its frames, `right` of them were recognized. In `matched` of `compared`
    comparisons a caption was more similar to its own frame than to a frame of another video; `margin` is the mean
    difference of the cosines. `clip` is the name of the model; None means that nothing was compared. `checked` is False
    when the audit is switched off.

    Which other videos a caption is compared with depends on the order of the run. So what is published is `own_matched`
    of `own_compared`: the same comparison with the other frames of its own video that have other captions.
    """

    checked: bool
    asked: int = Field(default=0, ge=0)
    right: int = Field(default=0, ge=0)
    captions: int = Field(default=0, ge=0, description="captions in the sample")
    compared: int = Field(default=0, ge=0)
    matched: int = Field(default=0, ge=0)
    own_compared: int = Field(default=0, ge=0)
    own_matched: int = Field(default=0, ge=0)
    margin: float | None = None
    clip: str | None = None
    effort: Effort = Effort()

    def scores(self) -> dict[str, float]:
        """The published score `binding_match`, rounded to 4 digits; empty when nothing was compared."""
        return {"binding_match": round(self.own_matched / self.own_compared, 4)} if self.own_compared else {}
