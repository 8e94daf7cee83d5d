"""Reads temporal texts leniently: returns the sentences that can be read, and the problems of the rest.

Seconds are read as people and models write them:

    [3.0]  [3]  [03]  [3.0, 5.0]          numbers of seconds
    [3.0 - 5.0]                           a span: everything from the first to the last second
    [0:03]  [1:02:03]  [3s]  [3 sec]      only by `lenient_spans`, which first calls `spoken_times`
    From 3 to 5 seconds, a man eats.      the same, in a text without brackets
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from schemas.errors import GrammarError
from schemas.kit.utf8 import utf8_text
from schemas.marks import FULL_STOPS, has_marks, lines_of, marks_in, unescape_marks
from schemas.records import Sentence
from schemas.temporal import Line, SlotLine, read_placeholder, slot_digits, with_full_stop
from schemas.time import SLOTS, Seconds, Slot

T = TypeVar("T")

_NUMBER = re.compile(r"[0-9]{1,16}(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,3})?", re.ASCII)
_DASH = re.compile(r"(?<=[0-9])\s*-\s*(?=[0-9])", re.ASCII)  # the minus of 5e-324 stands after a letter
_CLOCK = r"(?:[0-9]{1,3}:)?[0-9]{1,4}:[0-9]{2}(?:\.[0-9]{1,6})?"
_TIME = rf"(?:{_CLOCK}|[0-9]{{1,9}}(?:\.[0-9]{{1,6}})?)"
_UNIT = r"(?:\s?(?:s|secs?|seconds?)\b)"
_TO = r"\s*(?:-|–|—|to|and)\s*"
_WRITTEN = re.compile(
    rf"\s*(?:(?:from|at)\s+)?(?P<a>{_TIME}){_UNIT}?(?:{_TO}(?P<b>{_TIME}){_UNIT}?)?\s*", re.ASCII | re.IGNORECASE
)
_BRACKET = re.compile(r"(?<!\\)\[([^\[\]\\]{1,2000})\]")
_SPAN = rf"(?P<a>{_TIME}){_UNIT}?{_TO}(?P<b>{_TIME}{_UNIT}|{_CLOCK})"
_POINT = rf"(?P<c>{_TIME}{_UNIT}|{_CLOCK})"
_PHRASE = (
    re.compile(rf"\b(?:from|between)\s+{_SPAN}[,:]?\s*|\bat\s+{_POINT}[,:]?\s*", re.ASCII | re.IGNORECASE),
    re.compile(rf"(?:(?<=[.!?]\s)|^){_SPAN}[,:]?\s*", re.ASCII | re.IGNORECASE | re.MULTILINE),
    re.compile(rf"(?:(?<=[.!?]\s)|^){_POINT}[,:]\s*", re.ASCII | re.IGNORECASE | re.MULTILINE),
)


class Span(NamedTuple):
    """A time in seconds (`first` == `last`), or everything from `first` to `last`."""

    first: Seconds
    last: Seconds


class LenientSpans(NamedTuple):
    """The sentences that could be read of a text in seconds, with spans, and the problems of the rest.

    `unread`: how many times of the text are none in this form.
    """

    lines: tuple[Line[Span], ...]
    problems: tuple[str, ...]
    unread: int


class LenientSentences(NamedTuple):
    """The sentences that could be read of a text in seconds or stored form, and the problems of the rest.

    `unread`: how many times of the text are none in this form.
    """

    lines: tuple[Sentence, ...]
    problems: tuple[str, ...]
    unread: int = 0


class LenientSlots(NamedTuple):
    """The sentences that could be read of a text in slot form, and the problems of the rest.

    `unread`: how many times of the text are none in this form.
    """

    lines: tuple[SlotLine, ...]
    problems: tuple[str, ...]
    unread: int = 0


def lenient_seconds(text: str) -> LenientSentences:
    """Read as much as possible of the annotation form. `[3]` and `[03]` are seconds; spans are not read."""

    def time(mark: str, line: int) -> tuple[Seconds, ...]:
        return (_number(mark, line),)

    read = _read_leniently(text, time)
    lines = tuple(Sentence(times=line.marks, text=line.text) for line in read.lines)
    return LenientSentences(lines, read.problems, read.unread)


def lenient_spans(text: str) -> LenientSpans:
    """Read as much as possible of times in seconds, with spans, clocks, units and phrases (`spoken_times`)."""

    def span(mark: str, line: int) -> tuple[Span, ...]:
        first, *rest = _DASH.split(mark)
        if len(rest) > 1:
            raise GrammarError(f"[{mark}] is not a span of seconds", line)
        begin = _number(first, line)
        end = _number(rest[0], line) if rest else begin
        if end < begin:
            raise GrammarError(f"[{mark}] ends before it begins", line)
        return (Span(begin, end),)

    read = _read_leniently(spoken_times(text), span)
    return LenientSpans(tuple(read.lines), read.problems, read.unread)


def spoken_times(text: str) -> str:
    """The text with every time that it gives as a clock, with a unit or in a phrase as a mark `[3.0]` or `[3.0 - 5.0]`.

    Phrases (`From 3 to 5 seconds`, `at 0:03`) are read only in a text without any time in brackets.
    """
    marked = bracketed_times(text)
    if has_marks(marked):
        return marked
    for phrase in _PHRASE:
        marked = phrase.sub(_said, marked)
    return marked


def bracketed_times(text: str) -> str:
    """The text with every bracket of clocks or times with units as a mark. After a backslash a bracket is text."""
    return _BRACKET.sub(_written, text)


def lenient_stored(text: str, token: Mapping[str, float]) -> LenientSentences:
    """Read as much as possible of the stored form. `token`: the seconds of the placeholders."""
    read = _read_leniently(text, lambda mark, line: (read_placeholder(mark, line, token),))
    lines = tuple(Sentence(times=line.marks, text=line.text) for line in read.lines)
    return LenientSentences(lines, read.problems, read.unread)


def lenient_slots(text: str, slots: int = SLOTS) -> LenientSlots:
    """Read as much as possible of the model form, in both dialects, also with newlines and without leading zeros.

    A span `[08 - 10]` cites the slots 8, 9 and 10.
    """
    width = slot_digits(slots)

    def cited(mark: str, line: int) -> tuple[Slot, ...]:
        ends = _DASH.split(mark)
        if len(ends) > 2 or not all(re.fullmatch(rf"[0-9]{{1,{width}}}", end, re.ASCII) for end in ends):
            raise GrammarError(f"[{mark}] is not a slot below {slots}", line)
        first, last = int(ends[0]), int(ends[-1])
        if last >= slots or last < first:
            raise GrammarError(f"[{mark}] is not a slot below {slots}", line)
        return tuple(Slot(slot) for slot in range(first, last + 1))

    read = _read_leniently(text, cited)
    return LenientSlots(tuple(SlotLine(line.marks, line.text) for line in read.lines), read.problems, read.unread)


class _Read(NamedTuple):
    lines: list[Line]  # type: ignore[type-arg]
    problems: tuple[str, ...]
    unread: int


def _number(mark: str, line: int) -> Seconds:
    time = float(mark) if _NUMBER.fullmatch(mark) else float("inf")
    if time == float("inf"):
        raise GrammarError(f"[{mark}] is not a time in seconds", line)
    return Seconds(time)


def _seconds(written: str) -> float:
    """The seconds of a time as a clock or a number, with or without a unit."""
    total = 0.0
    for part in re.sub(r"[^0-9:.]", "", written).split(":"):
        total = total * 60 + float(part)
    return total


def _mark(first: str, last: str | None) -> str:
    return f"[{_seconds(first)}]" if last is None else f"[{_seconds(first)} - {_seconds(last)}]"


def _written(bracket: re.Match[str]) -> str:
    """A bracket of times in their plain form; any other bracket as it is."""
    marks = []
    for part in bracket[1].split(","):
        time = _WRITTEN.fullmatch(part)
        if time is None:
            return bracket[0]
        marks.append(_mark(time["a"], time["b"])[1:-1])
    return f"[{', '.join(marks)}]"


def _said(phrase: re.Match[str]) -> str:
    found = phrase.groupdict()
    if found.get("c") is not None:
        return _mark(found["c"], None)
    return _mark(found["a"], found["b"])


def _read_leniently(text: str, read: Callable[[str, int], tuple[T, ...]]) -> _Read:
    text = utf8_text(text)  # no record can hold half a surrogate pair
    problems: list[str] = []
    unread = 0
    segments: list[tuple[tuple[T, ...], str]] = []  # times, and the text before the next times
    brackets = marks_in(text)
    lead = text[: brackets[0].start()] if brackets else text
    for position, (line, mark) in enumerate(lines_of(text, brackets)):
        marks: list[T] = []
        for part in mark[2].split(","):
            try:
                marks += read(part.strip(), line)
            except GrammarError as error:
                problems.append(str(error))
                unread += 1
        last = position == len(brackets) - 1
        segments.append((tuple(marks), text[mark.end() : len(text) if last else brackets[position + 1].start()]))
    lines = _join_marks(segments, problems) if not lead.strip() else _join_lists(lead, segments, problems)
    return _Read(lines, tuple(problems), unread)


def _join_marks(segments: Sequence[tuple[tuple[T, ...], str]], problems: list[str]) -> list[Line[T]]:
    lines: list[Line[T]] = []
    pending: list[T] = []
    for marks, body in segments:
        pending += marks
        sentence = unescape_marks(body.strip())
        if not sentence:
            continue
        if pending:
            lines.append(Line(tuple(pending), sentence))
        else:
            problems.append(f"a sentence without a time: {sentence[:60]!r}")
        pending = []
    if pending:
        problems.append("times without a sentence at the end")
    if not segments:
        problems.append("empty text")
    return lines


def _join_lists(lead: str, segments: Sequence[tuple[tuple[T, ...], str]], problems: list[str]) -> list[Line[T]]:
    lines: list[tuple[list[T], str]] = []
    body = lead
    for marks, after in segments:
        stop = after[:1] if after[:1] in FULL_STOPS else ""
        sentence = with_full_stop(unescape_marks(body.strip()), stop)
        if body.strip() and marks:
            lines.append((list(marks), sentence))
        elif body.strip():
            problems.append(f"a sentence without a time: {sentence[:60]!r}")
        elif lines:  # a second list after the same sentence
            lines[-1][0].extend(marks)
        body = after[len(stop) :]
    if body.strip():
        problems.append(f"a sentence without a time: {body.strip()[:60]!r}")
    return [Line(tuple(marks), sentence) for marks, sentence in lines]
