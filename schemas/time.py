"""The three forms of time, all conversions between them, and times as prompts and people read them.

- `Seconds`: seconds from the start of the video, the annotation form `[3.0]`.
- `FrameIndex`: the position in the sampled frames (at 1 fps the second itself); the stored form `[<f0>]` points into
  `meta.token`, which holds seconds.
- `Slot`: 0..slots-1, a position relative to the video's length, the model form `[09]`.

The same mapping serves labels and frames. With F sampled frames and S = 100 slots,
`slot = round((S - 1) * index / (F - 1))` and `index = round(slot / (S - 1) * (F - 1))`. Upstream uses two mappings: its
labels use `round(100 t / D)`, while its slot k shows the frame at `k D / 99`, a skew of up to a slot.
"""

from __future__ import annotations

import math
from typing import NewType

Seconds = NewType("Seconds", float)
FrameIndex = NewType("FrameIndex", int)
Slot = NewType("Slot", int)

SLOTS = 100


def round_half_up(value: float) -> int:
    """Round to the nearest integer, halves up. `round` rounds halves to even, which gives uneven steps."""
    return math.floor(value + 0.5)


def index_to_seconds(index: FrameIndex, fps: float) -> Seconds:
    """The time of a sampled frame: index / fps. Raises ValueError for a negative index or a rate <= 0."""
    if index < 0 or fps <= 0:
        raise ValueError(f"frame index {index} at {fps} fps")
    return Seconds(index / fps)


def seconds_to_index(seconds: Seconds, fps: float) -> FrameIndex:
    """The sampled frame nearest to a time in seconds. Raises ValueError for a negative time or a rate <= 0."""
    if seconds < 0 or fps <= 0:
        raise ValueError(f"{seconds} s at {fps} fps")
    return FrameIndex(round_half_up(seconds * fps))


def index_to_slot(index: FrameIndex, frames: int, slots: int = SLOTS) -> Slot:
    """The slot of a sampled frame among `frames` >= 1 frames; a single frame is slot 0.

    Raises ValueError when the index lies outside 0..frames-1 or slots < 2.
    """
    if slots < 2 or not 0 <= index < frames:
        raise ValueError(f"frame index {index} of {frames} frames, {slots} slots")
    if frames == 1:
        return Slot(0)
    return Slot(round_half_up((slots - 1) * index / (frames - 1)))


def slot_to_index(slot: Slot, frames: int, slots: int = SLOTS) -> FrameIndex:
    """The sampled frame that a slot shows: round(slot / (slots - 1) * (frames - 1)).

    Raises ValueError when the slot lies outside 0..slots-1, slots < 2 or frames < 1.
    """
    if slots < 2 or not 0 <= slot < slots or frames < 1:
        raise ValueError(f"slot {slot} of {slots}, {frames} frames")
    return FrameIndex(round_half_up(slot / (slots - 1) * (frames - 1)))


def seconds_to_slot(seconds: Seconds, span: float, slots: int = SLOTS) -> Slot:
    """The slot of a time within `span` seconds (the time of the last sampled frame, >= 0).

    A time after the span counts as its end: containers round their times. Raises ValueError for negative values.
    """
    if slots < 2 or seconds < 0 or span < 0:
        raise ValueError(f"{seconds} s of {span} s, {slots} slots")
    if span == 0:
        return Slot(0)
    return Slot(round_half_up((slots - 1) * min(seconds / span, 1.0)))


def slot_to_seconds(slot: Slot, span: float, slots: int = SLOTS) -> Seconds:
    """The time that a slot stands for: slot / (slots - 1) * span. Inverse of `seconds_to_slot`."""
    if slots < 2 or not 0 <= slot < slots or span < 0:
        raise ValueError(f"slot {slot} of {slots}, {span} s")
    return Seconds(slot / (slots - 1) * span)


def plain_seconds(seconds: float) -> str:
    """A time as prompts and keys write it: `12` for whole seconds, else the shortest exact decimal."""
    return str(int(seconds)) if float(seconds).is_integer() else repr(float(seconds))


def clock(seconds: float) -> str:
    """A time as a player shows it: `1:02:03`, `2:03`, with tenths where they are not zero (`2:03.5`)."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths // 10, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return text + (f".{tenths % 10}" if tenths % 10 else "")
