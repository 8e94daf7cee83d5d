"""Reads the data of a Label Studio task back: the sample that the task shows, or the reason why it is unreadable."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from schemas.review import Stratum
from schemas.time import FrameIndex, Seconds

_MOST_FRAMES = 2**31  # 68 years at one frame a second
_MOST_SECONDS = 2.0**31


class Unreadable(Exception):
    """No verdict can be made of an annotation; the message says why."""


class ShownFrame(NamedTuple):
    """A keyframe that the task shows, with the caption that it had then."""

    frame: FrameIndex
    caption: str


class ShownLine(NamedTuple):
    """A line of the transcript that the task shows: its time in seconds, and the text that it had then."""

    start: Seconds
    text: str


class TaskData(NamedTuple):
    """The checked data of a task.

    `content`: the hash of the shown content; `summary`: its text as shown; `frames`: the keyframes in the order of the
    screen; `fps`: the video's frames a second; `sampled_fps`, `sampled`: rate and number of the sampled frames;
    `interface`: the version of the screen (annotation.label_studio.interface.VERSION); `lines`: those of the
    transcript, by their places.
    """

    sample_id: str
    content: str
    stratum: Stratum
    summary: str
    frames: tuple[ShownFrame, ...]
    fps: float
    sampled_fps: float
    sampled: int
    interface: int
    lines: tuple[ShownLine, ...] = ()


def read_task_data(data: Any) -> TaskData:
    """Check and read a task's `data`. Raises Unreadable when `review push` did not write them, or they were changed."""
    try:
        sample_id, content, stratum, summary = (
            data[name] for name in ("sample_id", "content_sha256", "stratum", "summary")
        )
        frames = tuple(ShownFrame(FrameIndex(int(row["index"])), str(row["caption"])) for row in data["frames"])
        fps, sampled_fps, sampled = float(data["fps"]), float(data["sampled_fps"]), int(data["sampled_frames"])
        interface = int(data["interface"])
        lines = tuple(_lines(data["frames"]))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise Unreadable(f"`review push` did not make its task, or the task was changed: {error!r}"[:200]) from error
    if stratum not in get_args(Stratum) or not all(isinstance(text, str) for text in (sample_id, content, summary)):
        raise Unreadable("its task's data were changed")
    if sampled > _MOST_FRAMES:
        raise Unreadable("its task's data were changed")
    if not (math.isfinite(fps) and math.isfinite(sampled_fps) and min(fps, sampled_fps, sampled) > 0):
        raise Unreadable("its task's data were changed")
    if not all(0 <= line.start < _MOST_SECONDS for line in lines):
        raise Unreadable("its task's data were changed")
    return TaskData(sample_id, content, stratum, summary, frames, fps, sampled_fps, sampled, interface, lines)


def _lines(frames: Any) -> Iterator[ShownLine]:
    """The lines of the transcript, which the first frame has; raises like `read_task_data` before it says why."""
    for block in frames[0].get("spoken", ()) if frames else ():
        for row in block["lines"]:
            yield ShownLine(Seconds(float(row["start"])), str(row["text"]))
