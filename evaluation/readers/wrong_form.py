"""Finds a file of predictions whose time marks are in another form than the file says.

Seconds that are read as slots give a low score without any error, and so do slots that are read as seconds. A file is
refused where a quarter of its times or more are no times of their videos in the form that it names, while nine tenths
are in another form. A file whose times fit no form is not refused: its predictions are failures, each with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evaluation.readers.model_text import Form, from_text, keyframes_as_text
from evaluation.readers.records import printable
from schemas.errors import ConfigError, GrammarError
from schemas.temporal import parse_slots

_WRONG = 0.25  # of the times: so many wrong times are no accident when another form reads nearly all
_RIGHT = 0.9


class Written(NamedTuple):
    """A text with the video that it is about, and what its record says of it. `row`: the record's place in the file.

    `times`, `dropped`: how many times of the text are times of the video, and how many are not.
    """

    row: int
    frames: int
    fps: float
    text: str
    form: Form
    token: Mapping[str, float]
    slots: int
    times: int
    dropped: int


def check_form(path: Path, texts: Sequence[Written]) -> None:
    """Raise ConfigError where the texts' times are plainly in another form, with the form that reads them."""
    timed = [text for text in texts if text.times or text.dropped]
    times = sum(text.times + text.dropped for text in timed)
    dropped = sum(text.dropped for text in timed)
    if not dropped or dropped < _WRONG * times:
        return
    first = next(text for text in timed if text.dropped)
    for form in ("seconds", "slots", "stored"):
        others = [text for text in timed if text.form != form]
        read = sum(_read_as(text, form) for text in others)
        if len(others) == len(timed) and read >= _RIGHT * times:
            raise ConfigError(
                f"{path}: {dropped} of {times} times are no times of their videos as {first.form} (record {first.row}: "
                f"{printable(first.text, 60)}), but {read} of {times} are as {form}: give every record "
                f'"form": "{form}"'
            )


def _read_as(text: Written, form: Form) -> int:
    """How many times of the text are times of the video in another form, at most as many as in its own."""
    if form == "slots":
        try:
            parse_slots(keyframes_as_text(text.text), text.slots)
        except GrammarError:
            return 0  # not exactly right: the lenient reader would take any small number for a slot
    read = from_text(
        "", text.text, frames=text.frames, fps=text.fps, form=form, task="v2vt", token=text.token, slots=text.slots
    )
    return min(read.times, text.times + text.dropped)
