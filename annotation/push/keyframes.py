"""The parts of a task that depend on the screen: captions beside the pictures, regions over them, texts to edit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from annotation.label_studio.interface import NAMES
from schemas.time import clock

_STEP: Final = 0.002


def caption_lines(keyframes: Sequence[tuple[float, str | None]], fps: float, end: float) -> list[dict[str, Any]]:
    """The data of the captions, in the order of the screen.

    `keyframes`: (seconds, caption) by ascending time; `fps`: the video's frames a second; `end`: its length in seconds.
    A line ends where the next begins, so that the screen always knows the last keyframe that was passed.
    """
    starts = [player_time(time, fps) for time, _ in keyframes]
    ends = [*starts[1:], max(end, *starts[-1:]) + 1]
    return [
        {"t": clock(time), "text": shown_caption(caption), "start": start, "end": following}
        for (time, caption), start, following in zip(keyframes, starts, ends, strict=True)
    ]


def player_time(time: float, fps: float) -> float:
    """Where the player must stand, in seconds, so that it and its clock show the picture that begins at `time`.

    At the beginning of a picture the player's clock is at the picture before it, so this is near the picture's middle.
    The player reports its position in steps of 2 ms; this is a quarter of a step before such a position, so that what
    is reported never lies before the keyframe.
    """
    return round(math.floor((time + 0.5 / fps) / _STEP) * _STEP - _STEP / 4, 4)


def shown_caption(caption: str | None) -> str:
    """The text that stands for a keyframe on the screen, which is never empty."""
    return caption if caption and caption.strip() else "(no caption)"


def keyframe_region(place: int, caption: str | None) -> list[dict[str, Any]]:
    """The parts of a prediction for one keyframe: a region over its whole caption with a mark, and the caption's text.

    `place`: the keyframe's position on the screen; a keyframe without a caption has no text to correct.
    """
    where = whole_line(place, shown_caption(caption))
    region = {"id": f"{NAMES.region}{place}", "to_name": NAMES.script}
    mark = {"from_name": NAMES.marks, "type": "paragraphlabels", "value": where | {"paragraphlabels": [NAMES.unjudged]}}
    text = {"from_name": NAMES.captions, "type": "textarea", "value": where | {"text": [caption]}}
    return [region | mark, region | text] if caption and caption.strip() else [region | mark]


def whole_line(place: int, text: str) -> dict[str, Any]:
    """The value of a region over all of a line; `place`: the line's position in its list."""
    units = text.encode("utf-16-le", errors="surrogatepass")  # JavaScript counts in units of two bytes
    return {"start": str(place), "end": str(place), "startOffset": 0, "endOffset": len(units) // 2}


def empty_texts() -> list[dict[str, Any]]:
    """The parts of a prediction for the texts that people add: missed keyframes, and a note.

    They exist from the beginning, empty: an editor that is opened on a text ends with a key, while a field that waits
    for a text keeps the focus, and with it all keys.
    """
    return [text_part(NAMES.missed, ""), text_part(NAMES.comment, "")]


def text_part(name: str, text: str) -> dict[str, Any]:
    """The part of a prediction for one text of the whole task."""
    return {"id": name, "from_name": name, "to_name": NAMES.video, "type": "textarea", "value": {"text": [text]}}
