"""Finds a file of predictions whose time marks are in another form than the file says.

Seconds that are read as slots give a low score without any error, and so do slots that are read as seconds. A file is
refused where a quarter of its times or more are no times of their videos in the form that it names, while another form
reads all of them. A file whose times fit no form is not refused: its predictions are failures, each with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evaluation.readers.model_text import Form, from_text, keyframes_as_text
from evaluation.readers.records import printable
from schemas.errors import ConfigError, GrammarError
from schemas.temporal import parse_slots

_SHARE = 0.25  # of the times; so many wrong times are no accident when another form reads every one


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
    dropped = sum(text.dropped for text in timed)
    if not dropped or dropped < _SHARE * sum(text.times + text.dropped for text in timed):
        return
    for form in ("seconds", "slots", "stored"):
        if all(text.form != form and _reads(text, form) for text in timed):
            first = next(text for text in timed if text.dropped)
            raise ConfigError(
                f"{path}: {dropped} of {sum(text.times + text.dropped for text in timed)} times are no times of their "
                f"videos as {first.form} (record {first.row}: {printable(first.text, 60)}), but all can be read as "
                f'{form}: give every record "form": "{form}"'
            )


def _reads(text: Written, form: Form) -> bool:
    if form == "slots":
        try:
            parse_slots(
                keyframes_as_text(text.text), text.slots
            )  # two digits: lenient reading would take any small number
        except GrammarError:
            return False
    read = from_text(
        "", text.text, frames=text.frames, fps=text.fps, form=form, task="v2vt", token=text.token, slots=text.slots
    )
    return read.times >= text.times + text.dropped and not read.dropped
