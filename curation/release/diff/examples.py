"""Some changed rows with their old and new texts, for the page: a few of each first cause, the first by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

from curation.release.diff.changed import Change, Row
from schemas.arrow import TRANSCRIPT
from schemas.documents.release_diff import Cause, CauseName
from schemas.safe_text import plain
from schemas.time import plain_seconds

OF_A_CAUSE = 12
_LINES, _LONGEST = 12, 400
_FOLLOW = frozenset({"conversations", "conversations_v2v", "conversations_v2t", "vsum_onehot"})


class Line(NamedTuple):
    """One difference: what it is, and how it was and is; None where there is nothing."""

    name: str
    before: str | None
    after: str | None


class Example(NamedTuple):
    """A changed row. `more` counts the differences that are not among its `lines`."""

    id: str
    title: str
    causes: tuple[Cause, ...]
    fields: tuple[str, ...]
    lines: tuple[Line, ...]
    more: int


class Examples:
    """Collects the first rows of each cause."""

    def __init__(self) -> None:
        """Start without any."""
        self._counts: Counter[str] = Counter()
        self._chosen: list[Example] = []

    def wants(self, cause: CauseName) -> bool:
        """Whether another row of this first cause is kept."""
        return self._counts[cause] < OF_A_CAUSE

    def add(self, causes: tuple[Cause, ...], change: Change) -> None:
        """Keep a row; `change` has all of its columns."""
        self._counts[causes[0].cause] += 1
        lines = list(differences(change))
        title = change.after.get("title") or change.before.get("title") or ""
        row = change.after
        self._chosen.append(
            Example(
                plain(str(row.get("id"))),
                plain(str(title)),
                causes,
                tuple(sorted(change.fields)),
                tuple(lines[:_LINES]),
                max(len(lines) - _LINES, 0),
            )
        )

    def chosen(self) -> tuple[Example, ...]:
        """The kept rows, by id."""
        return tuple(self._chosen)


def differences(change: Change) -> Iterator[Line]:
    """What a person would see of a change: texts first, then the values of the columns that remain.

    Columns that follow from others are shown when they alone differ.
    """
    told = set() if change.fields <= _FOLLOW else set(_FOLLOW)
    if change.differs("summary"):
        yield from _pair("summary", *(_get(row.get("summary"), "v2vt_seconds") for row in _rows(change)))
    if change.differs("keyframes"):
        yield from _pair("keyframes", *(_times(row) for row in _rows(change)))
    if change.differs("captions"):
        yield from _captions(change)
    if change.differs(TRANSCRIPT):
        yield from _transcript(change)
    if change.differs("review"):
        yield from _pair("review", *(_review(row.get("review")) for row in _rows(change)))
    told |= {"summary", "keyframes", "captions", TRANSCRIPT, "review"}
    for name in sorted(change.fields - told):
        before, after = (row.get(name) for row in _rows(change))
        if isinstance(before, dict) and isinstance(after, dict):
            for key in sorted({*before, *after}):
                label = key if name == "provenance" else f"{name}.{key}"  # a stage
                yield from _values(label, before.get(key), after.get(key))
        else:
            yield from _values(name, before, after)


def _captions(change: Change) -> Iterator[Line]:
    first, second = ({each["index"]: each for each in row.get("captions") or ()} for row in _rows(change))
    for index in sorted({*first, *second}):
        old, new = first.get(index, {}), second.get(index, {})
        time = new.get("time", old.get("time"))
        name = f"caption at {plain_seconds(time)} s" if time is not None else f"caption {index}"
        yield from _pair(name, old.get("text"), new.get("text"))


def _transcript(change: Change) -> Iterator[Line]:
    """The segments that differ, by their places, and then the rest of the column."""
    first, second = (row.get(TRANSCRIPT) or {} for row in _rows(change))
    said, now = (each.get("segments") or () for each in (first, second))
    pairs: Iterator[tuple[Row, Row]] = zip_longest(said, now, fillvalue={})
    for old, new in pairs:
        name = f"said at {plain_seconds(new.get('start', old.get('start', 0.0)))} s"
        yield from _pair(name, old.get("text"), new.get("text"))
    for key in sorted({*first, *second} - {"segments"}):
        yield from _values(f"{TRANSCRIPT}.{key}", first.get(key), second.get(key))


def _rows(change: Change) -> tuple[Row, Row]:
    return change.before, change.after


def _times(row: Row) -> str:
    return " ".join(plain_seconds(each["time"]) for each in row.get("keyframes") or () if each.get("time") is not None)


def _review(review: Any) -> str:
    by = ", ".join(map(str, _get(review, "reviewers") or ()))
    return f"{_get(review, 'status')}" + (f" by {by}" if by else "")


def _values(name: str, before: Any, after: Any) -> Iterator[Line]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _pair(f"{name}.{key}", _text(before.get(key)), _text(after.get(key)))
        return
    yield from _pair(name, _text(before), _text(after))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _pair(name: str, before: str | None, after: str | None) -> Iterator[Line]:
    if before != after:
        yield Line(name, *(None if text is None else plain(text, _LONGEST) for text in (before, after)))


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
