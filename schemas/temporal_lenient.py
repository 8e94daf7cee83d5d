"""Reads temporal texts leniently: returns the sentences that can be read, and the problems of the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from schemas.errors import GrammarError
from schemas.marks import FULL_STOPS, line_number, marks_in, unescape_marks
from schemas.records import Sentence
from schemas.temporal import Line, SlotLine, read_placeholder, read_seconds, slot_digits
from schemas.time import SLOTS, Slot

T = TypeVar("T")


class LenientSentences(NamedTuple):
    """The sentences that could be read of a text in seconds or stored form, and the problems of the rest."""

    lines: tuple[Sentence, ...]
    problems: tuple[str, ...]


class LenientSlots(NamedTuple):
    """The sentences that could be read of a text in slot form, and the problems of the rest."""

    lines: tuple[SlotLine, ...]
    problems: tuple[str, ...]


def lenient_seconds(text: str) -> LenientSentences:
    """Read as much as possible of the annotation form."""
    lines, problems = _read_leniently(text, read_seconds)
    return LenientSentences(tuple(Sentence(times=line.marks, text=line.text) for line in lines), problems)


def lenient_stored(text: str, token: Mapping[str, float]) -> LenientSentences:
    """Read as much as possible of the stored form. `token`: the seconds of the placeholders."""
    lines, problems = _read_leniently(text, lambda mark, line: read_placeholder(mark, line, token))
    return LenientSentences(tuple(Sentence(times=line.marks, text=line.text) for line in lines), problems)


def lenient_slots(text: str, slots: int = SLOTS) -> LenientSlots:
    """Read as much as possible of the model form, in both dialects, also with newlines and without leading zeros."""
    width = slot_digits(slots)

    def slot(mark: str, line: int) -> Slot:
        if not re.fullmatch(rf"[0-9]{{1,{width}}}", mark, re.ASCII) or int(mark) >= slots:
            raise GrammarError(f"[{mark}] is not a slot below {slots}", line)
        return Slot(int(mark))

    lines, problems = _read_leniently(text, slot)
    return LenientSlots(tuple(SlotLine(line.marks, line.text) for line in lines), problems)


def _read_leniently(text: str, read: Callable[[str, int], T]) -> tuple[tuple[Line[T], ...], tuple[str, ...]]:
    problems: list[str] = []
    segments: list[tuple[tuple[T, ...], str]] = []  # times, and the text before the next times
    brackets = marks_in(text)
    lead = text[: brackets[0].start()] if brackets else text
    for position, mark in enumerate(brackets):
        line = line_number(text, mark.start())
        marks: list[T] = []
        for part in mark[2].split(","):
            try:
                marks.append(read(part.strip(), line))
            except GrammarError as error:
                problems.append(str(error))
        last = position == len(brackets) - 1
        segments.append((tuple(marks), text[mark.end() : len(text) if last else brackets[position + 1].start()]))
    lines = _join_marks(segments, problems) if not lead.strip() else _join_lists(lead, segments, problems)
    return tuple(lines), tuple(problems)


def _join_marks(segments: Sequence[tuple[tuple[T, ...], str]], problems: list[str]) -> list[Line[T]]:
    lines: list[Line[T]] = []
    pending: tuple[T, ...] = ()
    for marks, body in segments:
        pending += marks
        sentence = unescape_marks(body.strip())
        if not sentence:
            continue
        if pending:
            lines.append(Line(pending, sentence))
        else:
            problems.append(f"a sentence without a time: {sentence[:60]!r}")
        pending = ()
    if pending:
        problems.append("times without a sentence at the end")
    if not segments:
        problems.append("empty text")
    return lines


def _join_lists(lead: str, segments: Sequence[tuple[tuple[T, ...], str]], problems: list[str]) -> list[Line[T]]:
    lines: list[Line[T]] = []
    body = lead
    for marks, after in segments:
        stop = after[:1] if after[:1] in FULL_STOPS else ""
        sentence = unescape_marks(body.strip()) + stop
        if body.strip() and marks:
            lines.append(Line(marks, sentence))
        elif body.strip():
            problems.append(f"a sentence without a time: {sentence[:60]!r}")
        elif lines:  # a second list after the same sentence
            lines[-1] = Line(lines[-1].marks + marks, lines[-1].text)
        body = after[len(stop) :]
    if body.strip():
        problems.append(f"a sentence without a time: {body.strip()[:60]!r}")
    return lines
