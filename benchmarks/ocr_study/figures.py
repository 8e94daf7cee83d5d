"""The figures of the study: lines found, letters wrong, kinds confused, times missed, and what it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rapidfuzz.distance import Levenshtein

from annotation.report.rates import share

LIKE = 0.5  # a line was found where so much of its letters is right; else what was read is another text
KINDS = ("title", "subtitle", "scene", "credits")


class Line(NamedTuple):
    """A line that was read: its text, its kind, and the first and the last second in which it stood."""

    text: str
    kind: str
    first: int
    last: int


def figures(rows: Sequence[Mapping[str, Any]], way: str) -> dict[str, Any]:
    """The figures of one way to look: `rows` have, of each film, what is true and what was found (run.py)."""
    found: Counter[str] = Counter()
    exact: Counter[str] = Counter()
    true: Counter[str] = Counter()
    confused: Counter[tuple[str, str]] = Counter()
    errors, letters, begun, invented = 0, 0, 0, 0
    for row in rows:
        read = [Line(*line) for line in row[way]["lines"]]
        matched: set[int] = set()
        for line in (Line(*line) for line in row["true"]):
            true[line.kind] += 1
            letters += len(_letters(line.text))
            place = _best(line, read)
            if place is None:
                errors += len(_letters(line.text))
                continue
            matched |= {at for at, one in enumerate(read) if _overlap(line, one) and _like(line, one)}
            errors += Levenshtein.distance(_letters(line.text), _letters(read[place].text))
            found[line.kind] += 1
            exact[line.kind] += _letters(line.text) == _letters(read[place].text)
            confused[line.kind, read[place].kind] += 1
            begun += read[place].first == line.first
        invented += len(read) - len(matched)
    return {
        "found": {kind: _share(found[kind], true[kind]) for kind in KINDS},
        "all": _share(found.total(), true.total()),
        "exact": _share(exact.total(), true.total()),
        "letters_wrong": errors / letters,
        "kinds": {kind: {other: confused[kind, other] for other in KINDS} for kind in KINDS},
        "begun": _share(begun, found.total()),
        "invented": invented,
        "frames": sum(row["frames"] for row in rows),
        "read": sum(row[way]["read"] for row in rows),
        "seconds": sum(row[way]["seconds"] for row in rows),
    }


def _best(line: Line, read: Sequence[Line]) -> int | None:
    """The place of what was read of a line, the earliest of equally good ones; None where nothing is like it."""
    near = [at for at, one in enumerate(read) if _overlap(line, one) and _like(line, one)]
    return min(near, key=lambda at: (_distance(line, read[at]), read[at].first), default=None)


def _overlap(first: Line, second: Line) -> bool:
    return first.first <= second.last and second.first <= first.last


def _like(first: Line, second: Line) -> bool:
    return _distance(first, second) <= 1 - LIKE


def _distance(first: Line, second: Line) -> float:
    return Levenshtein.normalized_distance(_letters(first.text), _letters(second.text))


def _letters(text: str) -> str:
    """A text as it is compared: without case and blanks."""
    return "".join(text.casefold().split())


def _share(part: int, whole: int) -> list[float | None]:
    """Part, whole, and the share with the ends of its 95 % interval (Wilson)."""
    found = share(part, whole)
    return [part, whole, found.value, found.low, found.high]
