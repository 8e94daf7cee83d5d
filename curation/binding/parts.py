"""The parts of stored frames and captions that are compared. Reading these alone takes a third of the time."""

from __future__ import annotations

from pydantic import BaseModel

from schemas.time import FrameIndex


class FramePart(BaseModel):
    """As `schemas.records.Frame`."""

    index: FrameIndex
    phash: str


class FramesPart(BaseModel):
    """As `schemas.records.FrameSet`."""

    fps: float
    frames: tuple[FramePart, ...]


class CaptionPart(BaseModel):
    """As `schemas.records.Caption`."""

    index: FrameIndex
    text: str
    reused_from: FrameIndex | None = None


class CaptionsPart(BaseModel):
    """As `schemas.records.CaptionSet`."""

    captions: tuple[CaptionPart, ...]
