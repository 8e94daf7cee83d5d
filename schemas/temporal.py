r"""Formats and parses temporal texts: sentences with their times, in three time forms and two dialects.

    seconds   [3.0]Sentence. [5.0][6.0]Sentence.                  annotation form
    stored    [<f0>]Sentence. [<f1>][<f2>]Sentence.               with the token map {"<f0>": 3.0, ...}
    slots     [09]Sentence. [15][18]Sentence.                     model form, padded to the digits of slots - 1
    lists     Sentence. [09] Sentence. [15, 18]                   the second dialect of the model form

Between two sentences stands one character: a space is written, a space or a newline is read. A bracket inside a
sentence that could be read as a time (`[12]`, `[3, 4]`, `[<f0>]`) is written with a backslash before it, and every such
bracket loses one backslash when it is read (schemas/marks.py). All other text, of any script, stays as it is, so that
parsing returns exactly what was formatted. Parsing here is strict and raises GrammarError; schemas/temporal_lenient.py
reads as much of a faulty text as possible.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

from schemas.errors import GrammarError
from schemas.kit.utf8 import lone_surrogate
from schemas.marks import FULL_STOPS, escape_marks, line_number, lines_of, marks_in, unescape_marks
from schemas.records import Sentence
from schemas.time import SLOTS, Seconds, Slot, seconds_to_slot, slot_to_seconds

Dialect = Literal["marks", "lists"]
T = TypeVar("T")

# Seconds as repr() writes a float; never a bare integer, which would be a slot.
_SECONDS = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:e[+-]?[0-9]+)?|e[+-]?[0-9]+)")
_BORDER = " \n"


class SlotLine(NamedTuple):
    """A sentence of the model form: the slots (0..slots-1) that it cites, and its text."""

    slots: tuple[Slot, ...]
    text: str


class StoredText(NamedTuple):
    """The stored form: text with placeholders, and the seconds that each placeholder stands for."""

    text: str
    token: dict[str, float]


class Line(NamedTuple, Generic[T]):
    """A sentence of any form: its times as the form's type, and its text."""

    marks: tuple[T, ...]
    text: str


def format_seconds(sentences: Sequence[Sentence]) -> str:
    """Write the annotation form. Raises ValueError for no sentences or a time that is negative or not finite."""
    return _write((tuple(_seconds_text(t) for t in s.times), s.text) for s in sentences)


def parse_seconds(text: str) -> tuple[Sentence, ...]:
    """Read the annotation form exactly. Raises GrammarError."""
    return tuple(Sentence(times=line.marks, text=line.text) for line in _read_marks(text, read_seconds))


def format_stored(sentences: Sequence[Sentence]) -> StoredText:
    """Write the stored form: one placeholder for each distinct time, numbered in the order of first citation.

    Raises ValueError for no sentences or a time that is negative or not finite.
    """
    names: dict[float, str] = {}
    for sentence in sentences:
        for time in sentence.times:
            _seconds_text(time)
            names.setdefault(float(time), f"<f{len(names)}>")
    text = _write((tuple(names[float(t)] for t in s.times), s.text) for s in sentences)
    return StoredText(text, {name: time for time, name in names.items()})


def parse_stored(text: str, token: Mapping[str, float]) -> tuple[Sentence, ...]:
    """Read the stored form exactly. Raises GrammarError, also for a placeholder that `token` lacks."""
    lines = _read_marks(text, lambda mark, line: read_placeholder(mark, line, token))
    return tuple(Sentence(times=line.marks, text=line.text) for line in lines)


def format_slots(lines: Sequence[SlotLine], slots: int = SLOTS, *, dialect: Dialect = "marks") -> str:
    """Write the model form in either dialect.

    Raises ValueError for no lines, for a line without slot or text, and for a slot outside 0..slots-1.
    """
    width = slot_digits(slots)
    written: list[tuple[tuple[str, ...], str]] = []
    for line in lines:
        outside = [slot for slot in line.slots if not 0 <= slot < slots]
        if outside:
            raise ValueError(f"slots {outside} outside 0..{slots - 1}")
        written.append((tuple(f"{slot:0{width}d}" for slot in line.slots), line.text))
    if dialect == "marks":
        return _write(written)
    _check_lines(written)
    return " ".join(f"{escape_marks(text)} [{', '.join(marks)}]" for marks, text in written)


def parse_slots(text: str, slots: int = SLOTS) -> tuple[SlotLine, ...]:
    """Read the model form exactly. A text that begins with a time has the dialect `marks`, every other text `lists`.

    In `lists`, a full stop directly after the list (`Sentence [08, 09].`) belongs to the sentence before the list, and
    is left out where that sentence ends with one. Raises GrammarError.
    """
    width = slot_digits(slots)

    def slot(mark: str, line: int) -> Slot:
        if not re.fullmatch(rf"[0-9]{{{width}}}", mark, re.ASCII) or int(mark) >= slots:
            raise GrammarError(f"[{mark}] is not a slot of {width} digits below {slots}", line)
        return Slot(int(mark))

    first = next(iter(marks_in(text)), None)
    read = _read_marks(text, slot) if first and first.start() == 0 else _read_lists(text, slot)
    return tuple(SlotLine(line.marks, line.text) for line in read)


def to_slots(sentences: Sequence[Sentence], span: float, slots: int = SLOTS) -> tuple[SlotLine, ...]:
    """Convert seconds to slots. `span`: seconds of the last sampled frame. Times in one slot give one citation."""
    return tuple(
        SlotLine(tuple(dict.fromkeys(seconds_to_slot(Seconds(t), span, slots) for t in s.times)), s.text)
        for s in sentences
    )


def from_slots(lines: Sequence[SlotLine], span: float, slots: int = SLOTS) -> tuple[Sentence, ...]:
    """Convert slots to seconds. `span`: the seconds of the last sampled frame."""
    return tuple(
        Sentence(times=tuple(slot_to_seconds(slot, span, slots) for slot in line.slots), text=line.text)
        for line in lines
    )


def slot_digits(slots: int) -> int:
    """The digits of a slot in the model form, with leading zeros. Raises ValueError for fewer than two slots."""
    if slots < 2:
        raise ValueError(f"{slots} slots")
    return len(str(slots - 1))


def _seconds_text(time: float) -> str:
    if not math.isfinite(time) or math.copysign(1.0, time) < 0:
        raise ValueError(f"{time} is not a time")
    return repr(float(time))


def read_seconds(mark: str, line: int) -> Seconds:
    """The time of a mark in the annotation form. `line` is for the message of the GrammarError that it may raise."""
    if not _SECONDS.fullmatch(mark) or not math.isfinite(float(mark)):
        raise GrammarError(f"[{mark}] is not a time in seconds", line)
    return Seconds(float(mark))


def read_placeholder(mark: str, line: int, token: Mapping[str, float]) -> Seconds:
    """The time of a mark in the stored form. Raises GrammarError for a placeholder that `token` does not have."""
    if mark not in token:
        raise GrammarError(f"[{mark}] is not in the token map", line)
    return Seconds(token[mark])


def with_full_stop(sentence: str, stop: str) -> str:
    """The sentence with the full stop that stood after its list of times, unless it has one already."""
    return sentence if sentence.endswith(FULL_STOPS) else sentence + stop


def _check_lines(written: Sequence[tuple[tuple[str, ...], str]]) -> None:
    if not written or not all(marks and text for marks, text in written):
        raise ValueError("there must be at least one sentence, and every sentence needs a time and a text")


def _write(lines: Iterable[tuple[tuple[str, ...], str]]) -> str:
    written = list(lines)
    _check_lines(written)
    return " ".join("".join(f"[{mark}]" for mark in marks) + escape_marks(text) for marks, text in written)


def _require_unicode(text: str) -> None:
    """Raise GrammarError for half a surrogate pair: no record can hold it."""
    if (fault := lone_surrogate(text)) is not None:
        raise GrammarError("half a surrogate pair is no character", line_number(text, fault))


def _read_marks(text: str, read: Callable[[str, int], T]) -> list[Line[T]]:
    _require_unicode(text)
    brackets = marks_in(text)
    if not brackets or brackets[0].start() != 0:
        raise GrammarError("the text does not begin with a time")
    lines: list[Line[T]] = []
    marks: list[T] = []
    for position, (line, mark) in enumerate(lines_of(text, brackets)):
        marks.append(read(mark[2], line))
        last = position == len(brackets) - 1
        body = text[mark.end() : len(text) if last else brackets[position + 1].start()]
        if not last:
            if not body:
                continue
            if body[-1] not in _BORDER:
                raise GrammarError(
                    "a time inside a sentence (a backslash makes it text)", line_number(text, mark.end() + len(body))
                )
            body = body[:-1]
        if not body:
            raise GrammarError(f"no sentence after [{mark[2]}]", line)
        lines.append(Line(tuple(marks), unescape_marks(body)))
        marks = []
    return lines


def _read_lists(text: str, read: Callable[[str, int], T]) -> list[Line[T]]:
    _require_unicode(text)
    lines: list[Line[T]] = []
    start = 0
    for line, bracket in lines_of(text, marks_in(text)):
        body, end = text[start : bracket.start()], bracket.end()
        if len(body) < 2 or body[-1] not in _BORDER:
            raise GrammarError(f"no sentence before [{bracket[2]}]", line)
        stop = text[end : end + 1] if text[end : end + 1] in FULL_STOPS else ""
        end += len(stop)
        if end < len(text) and text[end] not in _BORDER:
            raise GrammarError("text follows a list of times without a border", line)
        marks = tuple(read(mark, line) for mark in bracket[2].split(", "))
        lines.append(Line(marks, with_full_stop(unescape_marks(body[:-1]), stop)))
        start = end + 1
    if not lines or start <= len(text):
        raise GrammarError("the text ends without a time", line_number(text, len(text)))
    return lines
