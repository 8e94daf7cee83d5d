"""What the binding audit found of one video. Stored beside the samples, never part of them."""

from __future__ import annotations

from pydantic import Field

from schemas.records import Effort, Record


class CanaryOutcome(Record):
    """One picture with known content, and what the captioner said of it.

    `picture` names it and `seed` draws it again; `words`: groups of which an honest caption holds one word each.
    `server`: the address that answered, empty for a model in this process.
    """

    picture: str
    seed: str
    words: tuple[tuple[str, ...], ...]
    said: str
    right: bool
    server: str = ""
    effort: Effort = Effort()


class CanaryOutcomes(Record):
    """The canaries that rode with one video."""

    outcomes: tuple[CanaryOutcome, ...] = ()


class Binding(Record):
    """The figures of one video.

    `asked` canaries rode with its captions, `right` of them were recognized. `matched` of `compared` times a caption
    was more similar to its own frame than to one of another video; `margin` is the mean difference of the cosines.
    `clip` names the model, None: nothing was compared. `checked` is False where the audit is switched off.
    """

    checked: bool
    asked: int = Field(default=0, ge=0)
    right: int = Field(default=0, ge=0)
    captions: int = Field(default=0, ge=0, description="captions in the sample")
    compared: int = Field(default=0, ge=0)
    matched: int = Field(default=0, ge=0)
    margin: float | None = None
    clip: str | None = None
    effort: Effort = Effort()
