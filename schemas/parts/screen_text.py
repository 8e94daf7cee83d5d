"""The record of what is written in the pictures of a video."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.parts.record import Record
from schemas.time import FrameIndex, Seconds

LineKind = Literal["title", "credits", "subtitle", "scene"]
Share = Annotated[float, Field(ge=0, le=1)]


class WrittenLine(Record):
    """A line of text in a picture, with the upright box around it in shares of the picture's width and height.

    `kind`: `title` and `credits` stand on a card that shows little else, `subtitle` near the lower edge of a picture of
    something else, `scene` anywhere else in such a picture. `confidence` (0..1) is the reader's own.
    """

    text: str = Field(min_length=1)
    kind: LineKind
    confidence: Share
    left: Share
    top: Share
    right: Share
    bottom: Share


class Reading(Record):
    """What is written in the frame `index` and in later ones, up to the time `until`; it covers `share` (0..1)."""

    index: FrameIndex
    time: Seconds
    until: Seconds
    share: Share
    lines: tuple[WrittenLine, ...] = Field(min_length=1)


class ScreenText(Record):
    """What is written in the pictures of a video, in order of time; every text is data of somebody else.

    `share` is the part of the picture that text covers, 0..1, in the mean over all but the `unread` frames; None where
    there is no other.
    `read` counts the frames that were read, `unread` those whose text is not known: it may have changed after a shot
    had as many readings as a shot may have, or the picture is lost. `left_out` counts lines beyond what a record holds.
    """

    reader: str
    revision: str
    share: Share | None
    read: int
    unread: int = 0
    left_out: int = 0
    readings: tuple[Reading, ...] = ()
