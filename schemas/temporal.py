r"""The temporal texts of the task: sentences bound to times, in three time forms and two dialects.

    seconds   [3.0]Sentence. [5.0][6.0]Sentence.                  annotation form
    stored    [<f0>]Sentence. [<f1>][<f2>]Sentence.               with the token map {"<f0>": 3.0, ...}
    slots     [09]Sentence. [15][18]Sentence.                     model form, padded to the digits of slots - 1
    lists     Sentence. [09] Sentence. [15, 18]                   the second dialect of the model form

One character (a space or a newline) parses as the border between two sentences; a space is written. A bracket
inside a sentence that could be read as a time (`[12]`, `[3, 4]`, `[<f0>]`) is written with a backslash before it,
and every such bracket loses one backslash when read. All other text, of any script, is untouched, so that
parsing gives back exactly what was formatted. Strict parsing raises GrammarError; lenient parsing returns what it
could read and says what it could not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

from schemas.errors import GrammarError
from schemas.records import Sentence
from schemas.time import SLOTS, Seconds, Slot, seconds_to_slot, slot_to_seconds

Dialect = Literal["marks", "lists"]
T = TypeVar("T")

_BRACKET = re.compile(r"(?<!\\)(\\*)\[([\s,.<>f+-]*[0-9][0-9\s,.<>f+e-]*)\]", re.ASCII)
# As repr() writes a float: never a bare integer, which would be a slot.
_SECONDS = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:e[+-]?[0-9]+)?|e[+-]?[0-9]+)")
_BORDER = " \n"
_FULL_STOP = ".!?"


class SlotLine(NamedTuple):
    """A sentence of the model form: the slots (0..slots-1) that it rests on, and its text."""

    slots: tuple[Slot, ...]
    text: str


class StoredText(NamedTuple):
    """The stored form: text with placeholders, and the seconds that each placeholder stands for."""

    text: str
    token: dict[str, float]


class _Line(NamedTuple, Generic[T]):
    marks: tuple[T, ...]
    text: str


def format_seconds(sentences: Sequence[Sentence]) -> str:
    """Write the annotation form. Raises ValueError for no sentences or a time that is negative or not finite."""
    return _write((tuple(_seconds_text(t) for t in s.times), s.text) for s in sentences)


def parse_seconds(text: str) -> tuple[Sentence, ...]:
    """Read the annotation form exactly. Raises GrammarError."""
    return tuple(Sentence(times=line.marks, text=line.text) for line in _read_marks(text, _seconds))


def format_stored(sentences: Sequence[Sentence]) -> StoredText:
    """Write the stored form: one placeholder a distinct time, numbered in order of first citation.

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
    lines = _read_marks(text, lambda mark, line: _placeholder(mark, line, token))
    return tuple(Sentence(times=line.marks, text=line.text) for line in lines)


def format_slots(lines: Sequence[SlotLine], slots: int = SLOTS, *, dialect: Dialect = "marks") -> str:
    """Write the model form in either dialect. Raises ValueError for no lines, no slot, or one outside 0..slots-1."""
    width = _width(slots)
    written: list[tuple[tuple[str, ...], str]] = []
    for line in lines:
        outside = [slot for slot in line.slots if not 0 <= slot < slots]
        if outside:
            raise ValueError(f"slots {outside} outside 0..{slots - 1}")
        written.append((tuple(f"{slot:0{width}d}" for slot in line.slots), line.text))
    if dialect == "marks":
        return _write(written)
    _check_lines(written)
    return " ".join(f"{_escape(text)} [{', '.join(marks)}]" for marks, text in written)


def parse_slots(text: str, slots: int = SLOTS) -> tuple[SlotLine, ...]:
    """Read the model form exactly, in either dialect: one that begins with a time is `marks`, else `lists`.

    In `lists`, a full stop that follows the list directly (`Sentence [08, 09].`) ends the sentence before it.
    Raises GrammarError.
    """
    width = _width(slots)

    def slot(mark: str, line: int) -> Slot:
        if not re.fullmatch(rf"[0-9]{{{width}}}", mark, re.ASCII) or int(mark) >= slots:
            raise GrammarError(f"[{mark}] is not a slot of {width} digits below {slots}", line)
        return Slot(int(mark))

    first = _BRACKET.match(text)
    read = _read_marks(text, slot) if first and not first[1] else _read_lists(text, slot)
    return tuple(SlotLine(line.marks, line.text) for line in read)


def to_slots(sentences: Sequence[Sentence], span: float, slots: int = SLOTS) -> tuple[SlotLine, ...]:
    """Seconds to slots; `span` = seconds of the last sampled frame. Times that share a slot are cited once."""
    return tuple(
        SlotLine(tuple(dict.fromkeys(seconds_to_slot(Seconds(t), span, slots) for t in s.times)), s.text)
        for s in sentences
    )


def from_slots(lines: Sequence[SlotLine], span: float, slots: int = SLOTS) -> tuple[Sentence, ...]:
    """Slots to seconds; `span` = seconds of the last sampled frame."""
    return tuple(
        Sentence(times=tuple(slot_to_seconds(slot, span, slots) for slot in line.slots), text=line.text)
        for line in lines
    )


def _width(slots: int) -> int:
    if slots < 2:
        raise ValueError(f"{slots} slots")
    return len(str(slots - 1))


def _seconds_text(time: float) -> str:
    if not math.isfinite(time) or math.copysign(1.0, time) < 0:
        raise ValueError(f"{time} is not a time")
    return repr(float(time))


def _seconds(mark: str, line: int) -> Seconds:
    if not _SECONDS.fullmatch(mark) or not math.isfinite(float(mark)):
        raise GrammarError(f"[{mark}] is not a time in seconds", line)
    return Seconds(float(mark))


def _placeholder(mark: str, line: int, token: Mapping[str, float]) -> Seconds:
    if mark not in token:
        raise GrammarError(f"[{mark}] is not in the token map", line)
    return Seconds(token[mark])


def _escape(text: str) -> str:
    return _BRACKET.sub(lambda found: "\\" + found[0], text)


def _unescape(text: str) -> str:
    return _BRACKET.sub(lambda found: found[0][1:] if found[1] else found[0], text)


def _check_lines(written: Sequence[tuple[tuple[str, ...], str]]) -> None:
    if not written or not all(marks and text for marks, text in written):
        raise ValueError("every sentence needs a time and a text, and there must be one")


def _write(lines: Iterable[tuple[tuple[str, ...], str]]) -> str:
    written = list(lines)
    _check_lines(written)
    return " ".join("".join(f"[{mark}]" for mark in marks) + _escape(text) for marks, text in written)


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _marks_of(text: str) -> list[re.Match[str]]:
    return [found for found in _BRACKET.finditer(text) if not found[1]]


def _read_marks(text: str, read: Callable[[str, int], T]) -> list[_Line[T]]:
    found = _marks_of(text)
    if not found or found[0].start() != 0:
        raise GrammarError("the text does not begin with a time")
    lines: list[_Line[T]] = []
    marks: list[T] = []
    for position, mark in enumerate(found):
        line = _line_of(text, mark.start())
        marks.append(read(mark[2], line))
        last = position == len(found) - 1
        body = text[mark.end() : len(text) if last else found[position + 1].start()]
        if not last:
            if not body:
                continue
            if body[-1] not in _BORDER:
                raise GrammarError(
                    "a time inside a sentence (a backslash makes it text)", _line_of(text, mark.end() + len(body))
                )
            body = body[:-1]
        if not body:
            raise GrammarError(f"no sentence after [{mark[2]}]", line)
        lines.append(_Line(tuple(marks), _unescape(body)))
        marks = []
    return lines


def _read_lists(text: str, read: Callable[[str, int], T]) -> list[_Line[T]]:
    lines: list[_Line[T]] = []
    start = 0
    for found in _marks_of(text):
        line = _line_of(text, found.start())
        body, end = text[start : found.start()], found.end()
        if len(body) < 2 or body[-1] not in _BORDER:
            raise GrammarError(f"no sentence before [{found[2]}]", line)
        stop = text[end : end + 1] if text[end : end + 1] in _FULL_STOP else ""
        end += len(stop)
        if end < len(text) and text[end] not in _BORDER:
            raise GrammarError("text follows a list of times without a border", line)
        marks = tuple(read(mark, line) for mark in found[2].split(", "))
        lines.append(_Line(marks, _unescape(body[:-1]) + stop))
        start = end + 1
    if not lines or start <= len(text):
        raise GrammarError("the text ends without a time", _line_of(text, len(text)))
    return lines
