"""Reads the key `selected` of a prediction: chosen frames as flags, as frame indices, or as seconds.

The key `selected_as` says which. Without it, a list is read only where it can mean one thing. A list of zeros and ones
with a number that stands twice is flags, because nobody chooses a frame twice: 82 such numbers for 83 frames are flags
of the wrong length and not the frames 0 and 1. `[0]`, `[1]`, `[0, 1]` and `[1, 0]` are indices, except for a video of
so few frames that they could be its flags, or flags with one too few or too many: there the key is needed.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from evaluation.cases import Flags
from evaluation.readers.records import BadRecord, Object, list_of, number_of, one_of, printable
from schemas.time import Seconds, seconds_to_index

SelectedAs = Literal["flags", "indices", "seconds"]
KINDS: tuple[SelectedAs, ...] = ("flags", "indices", "seconds")


def selected_frames(record: Object, frames: int, fps: float) -> Flags:
    """The chosen frames (T,) from `selected` and `selected_as` of a record, for a video of `frames` (T) at `fps`.

    Seconds choose the nearest frame. Raises BadRecord: `wrong_length` for flags of another length than T,
    `out_of_range` for a frame or a time outside the video, `ambiguous` for a list that could mean two things.
    """
    values = list_of(record["selected"], "selected")
    named = record.get("selected_as")
    kind: SelectedAs = _kind(values, frames) if named is None else one_of(named, "selected_as", KINDS)
    if kind == "flags":
        return _flags(values, frames)
    chosen = np.zeros(frames, bool)
    for value in values:
        chosen[_index(value, frames) if kind == "indices" else _nearest(value, frames, fps)] = True
    return chosen


def _kind(values: list[Any], frames: int) -> SelectedAs:
    if not values or not all(isinstance(value, int | float) and value in (0, 1) for value in values):
        return "indices"
    if any(isinstance(value, bool) for value in values) or len(set(values)) < len(values):
        return "flags"
    if max(values) >= frames:
        return "flags"  # `[1]` for a video of one frame
    if abs(len(values) - frames) <= 1:
        raise BadRecord(
            "ambiguous",
            f"selected is {values} for {frames} frames: flags or frame indices? say it by `selected_as`",
        )
    return "indices"


def _flags(values: list[Any], frames: int) -> Flags:
    wrong = next((v for v in values if not isinstance(v, int | float) or v not in (0, 1)), None)
    if wrong is not None:
        raise BadRecord("wrong_type", f"selected holds {printable(repr(wrong), 40)}, flags are 0 and 1")
    if len(values) != frames:
        raise BadRecord("wrong_length", f"selected has {len(values)} flags for {frames} frames")
    return np.array(values, bool)


def _index(value: Any, frames: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise BadRecord(
            "wrong_type", f"selected holds {printable(repr(value), 40)}, neither flags of {frames} frames nor indices"
        )
    if not 0 <= value < frames:
        raise BadRecord("out_of_range", f"frame {printable(int(value), 40)} outside 0..{frames - 1}")
    return int(value)


def _nearest(value: Any, frames: int, fps: float) -> int:
    index = seconds_to_index(Seconds(number_of(value, "a time of selected")), fps)
    if index > frames:
        raise BadRecord("out_of_range", f"{value:g} s lies outside the video of {frames} frames at {fps:g} fps")
    return min(index, frames - 1)  # the end of the video: containers round their durations
