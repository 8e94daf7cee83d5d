"""Reads the data of one of our tasks back: the sample that it shows, or the reason why it cannot be read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from schemas.review import Stratum
from schemas.time import FrameIndex


class Unreadable(Exception):
    """An annotation that no verdict can be made of; the message says why."""


class _Frame(NamedTuple):
    frame: FrameIndex
    caption: str


class _Task(NamedTuple):
    """What the task's data say, checked."""

    sample_id: str
    content: str
    stratum: Stratum
    summary: str
    frames: tuple[_Frame, ...]
    fps: float
    sampled_fps: float
    sampled: int


def _task(data: Any) -> _Task:
    try:
        sample_id, content, stratum, summary = (
            data[name] for name in ("sample_id", "content_sha256", "stratum", "summary")
        )
        frames = tuple(_Frame(FrameIndex(int(one["index"])), str(one["caption"])) for one in data["frames"])
        fps, sampled_fps, sampled = float(data["fps"]), float(data["sampled_fps"]), int(data["sampled_frames"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Unreadable(f"its task is not one that `review push` made, or was changed: {error!r}"[:200]) from error
    if stratum not in get_args(Stratum) or not all(isinstance(one, str) for one in (sample_id, content, summary)):
        raise Unreadable("its task's data were changed")
    if not (math.isfinite(fps) and math.isfinite(sampled_fps) and min(fps, sampled_fps, sampled) > 0):
        raise Unreadable("its task's data were changed")
    return _Task(sample_id, content, stratum, summary, frames, fps, sampled_fps, sampled)


def _texts(value: Mapping[str, Any]) -> list[str]:
    text = value.get("text")
    given = text if isinstance(text, list) else [text]
    return [_sound(one) for one in given if isinstance(one, str) and one.strip()]


def _sound(text: str) -> str:
    """Text that can be written as UTF-8: halves of surrogate pairs become question marks."""
    return text.encode(errors="replace").decode()


def _words(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
