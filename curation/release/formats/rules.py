"""The rules of the trainers for a record, stated anew: media marks match the media, and answers hold no mark but times.

`messages_problem` says why a trainer would read something else than was meant. It does not know how records are made.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

from PIL import Image

from curation.release.formats.frames import LONGEST
from curation.release.formats.items import INSTRUCTIONS, Item
from schemas.errors import GrammarError
from schemas.kit.neutral import neutral
from schemas.kit.picture_errors import PICTURE_ERRORS, PICTURE_FORMATS
from schemas.release import Task, Times
from schemas.temporal import parse_seconds, parse_slots

_FRAMES = re.compile(r"(?:<[0-9]+\.[0-9] seconds><image>)+")
_TIME = re.compile(r"<([0-9]+\.[0-9]) seconds>")
_MARKS = {
    "seconds": re.compile(r"\[[0-9.e+-]+\](?: \[[0-9.e+-]+\])*"),
    "slots": re.compile(r"\[[0-9]{2}\](?: \[[0-9]{2}\])*"),
}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\.[a-z0-9]{1,8}")


def question_problem(question: str, task: Task, media: Sequence[Any]) -> str | None:
    """Why a question does not show its media (names of videos, or pictures with `bytes`) and ask for its task."""
    shown, _, asked = question.rpartition("\n")
    if asked != INSTRUCTIONS[task]:
        return f"asks {asked[:60]!r}"
    if shown == "<video>":
        named = len(media) == 1 and isinstance(media[0], str) and _NAME.fullmatch(media[0])
        return None if named else f"one video is asked for, named are {str(media)[:60]}"
    if not _FRAMES.fullmatch(shown):
        return "shows neither a video nor frames behind their times"
    times = [float(time) for time in _TIME.findall(shown)]
    if len(times) != len(media):
        return f"{len(times)} images are asked for, there are {len(media)}"
    if times != sorted(times):
        return "times descend"
    return next((problem for each in media if (problem := picture_problem(each["bytes"]))), None)


def picture_problem(jpeg: bytes) -> str | None:
    """Why bytes are no input frame."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=PICTURE_FORMATS) as image:
            return None if max(image.size) <= LONGEST else f"a picture of {image.width} x {image.height} pixels"
    except PICTURE_ERRORS as error:
        return f"a picture cannot be read: {type(error).__name__}"


def answer_problem(answer: str, task: Task, times: Times, item: Item) -> str | None:
    """Why an answer holds marks that are not times, or times that the video does not have."""
    if task == "v2v":
        return None if _MARKS[times].fullmatch(answer) else f"is no list of times: {answer[:60]!r}"
    if task == "v2t":
        texts = [answer]
    else:
        try:
            if times == "seconds":
                sentences = parse_seconds(answer)
                texts = [sentence.text for sentence in sentences]
                if any(time > item.span for sentence in sentences for time in sentence.times):
                    return f"has a time after {item.span} s, the last frame"
            else:
                texts = [line.text for line in parse_slots(answer)]
        except GrammarError as error:
            return f"is no text with times: {error}"
    return next((f"holds a mark: {text[:60]!r}" for text in texts if text != neutral(text)), None)
