"""Compares what consumers found with what pyarrow found, and the configurations of a release with each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from curation.release.column_types import named_types
from curation.release.consumers.answers import Kept, kept, read_ids
from curation.release.consumers.plan import Part, ReadingPlan
from schemas.safe_text import plain

A_ROW_A_VIDEO = ("default", "full", "v2v", "v2t", "v2vt")
_SHOWN_ROWS = 5
_ABSENT = object()


def differences(part: Part, expected: Kept, found: Kept) -> Iterator[str]:
    """How a consumer's answer differs from the oracle's, in words that name the part, the row and the column."""
    stated = {name: kind for name, kind in expected.columns.items() if kind is not None}
    if not found.partial:
        typed = {name: stated.get(name, "") if kind is None else kind for name, kind in found.columns.items()}
        yield from (f"{part.name}: {fault}" for fault in named_types(typed, stated))
    yield from _other_ids(part, expected, found)
    if expected.rows and not found.rows:
        yield f"{part.name}: no row was read whole"
    told = 0
    for place in sorted(found.rows):
        if place not in expected.rows:
            yield f"{part.name}: row {place} is none of those that are compared"
        elif (fault := first_difference(expected.rows[place], found.rows[place], partial=found.partial)) is not None:
            told += 1
            if told <= _SHOWN_ROWS:
                yield f"{part.name}: row {place} ({plain(str(expected.rows[place].get(part.key)), 80)}): {fault}"
    if told > _SHOWN_ROWS:
        yield f"{part.name}: {told - _SHOWN_ROWS} more rows differ of {len(found.rows)} that were compared"


def first_difference(expected: Any, found: Any, path: str = "", *, partial: bool = False) -> str | None:
    """The first place where two canonical values differ, as `summary.v2t is 'a' instead of 'b'`; None for equal ones.

    With `partial` only the fields of `found` are compared, and texts without white space around them.
    """
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for name in found if partial else dict.fromkeys([*expected, *found]):
            inner = f"{path}.{name}" if path else str(name)
            pair = expected.get(name, _ABSENT), found.get(name, _ABSENT)
            if (fault := first_difference(*pair, inner, partial=partial)) is not None:
                return fault
        return None
    if isinstance(expected, list) and isinstance(found, list):
        for place, pair in enumerate(zip_longest(expected, found, fillvalue=_ABSENT)):
            if (fault := first_difference(*pair, f"{path}[{place}]", partial=partial)) is not None:
                return fault
        return None
    if partial and isinstance(expected, str) and isinstance(found, str):
        expected, found = expected.strip(), found.strip()
    if type(expected) is type(found) and expected == found:
        return None
    return f"{plain(path, 120)} is {_shown(found)} instead of {_shown(expected)}"


def unlike_configurations(plan: ReadingPlan, answers: Path) -> Iterator[str]:
    """Where configurations do not hold the same videos, by the oracle's `answers`, in words.

    Those with a row a video hold the same ids in the same order, each id once; no other one of the splits has others.
    """
    by_split: dict[str, dict[str, int]] = {}
    for number, part in enumerate(plan.parts):
        if kept(answers, number) is not None:
            by_split.setdefault(part.split, {})[part.configuration] = number
    owners: dict[Any, str] = {}
    for split, numbers in by_split.items():
        for configuration in A_ROW_A_VIDEO:
            if configuration not in numbers:
                continue
            own = answers / f"{numbers[configuration]}.ids"
            if configuration == A_ROW_A_VIDEO[0]:
                yield from _repeated(f"{configuration}/{split}", own, owners)
            elif A_ROW_A_VIDEO[0] in numbers:
                first = answers / f"{numbers[A_ROW_A_VIDEO[0]]}.ids"
                if (fault := _first_other(first, own)) is not None:
                    yield f"{configuration}/{split}: {fault} (by {A_ROW_A_VIDEO[0]}/{split})"
    known = set(owners)
    for split, numbers in by_split.items():
        if "frames" in numbers:
            strangers = set(read_ids(answers / f"{numbers['frames']}.ids")) ^ {
                key for key in known if owners[key] == f"{A_ROW_A_VIDEO[0]}/{split}"
            }
            if strangers:
                yield (
                    f"frames/{split}: not the videos of {A_ROW_A_VIDEO[0]}/{split}: "
                    f"{_some(sorted(map(str, strangers)))} in one of them only"
                )


def _other_ids(part: Part, expected: Kept, found: Kept) -> Iterator[str]:
    wanted = read_ids(expected.ids)
    if found.only_opened:
        spans = list(part.opened())
        wanted = (
            key for place, key in enumerate(wanted) if any(first <= place < first + count for first, count in spans)
        )
    if (fault := _first_other(wanted, read_ids(found.ids))) is not None:
        yield f"{part.name}: {fault}"


def _first_other(expected: Path | Iterator[Any], found: Path | Iterator[Any]) -> str | None:
    """Where two sequences of ids differ first, or in their length; None when they are equal."""
    wanted = read_ids(expected) if isinstance(expected, Path) else expected
    got = read_ids(found) if isinstance(found, Path) else found
    fault, counts = None, [0, 0]
    for place, (one, other) in enumerate(zip_longest(wanted, got, fillvalue=_ABSENT)):
        counts[0] += one is not _ABSENT
        counts[1] += other is not _ABSENT
        if fault is None and one != other and _ABSENT not in (one, other):
            fault = f"row {place} is {_shown(other)} instead of {_shown(one)}"
    if counts[0] != counts[1]:
        return f"{counts[1]} rows instead of {counts[0]}" + (f"; {fault}" if fault else "")
    return fault


def _repeated(name: str, ids: Path, owners: dict[Any, str]) -> Iterator[str]:
    """Ids that stand twice; `owners` gets the part of each id."""
    twice = []
    for key in read_ids(ids):
        if key in owners:
            twice.append(f"{key} (also in {owners[key]})")
        owners.setdefault(key, name)
    if twice:
        yield f"{name}: ids that stand twice: {_some(twice)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_ROWS} more" if len(names) > _SHOWN_ROWS else ""
    return ", ".join(plain(name, 80) for name in names[:_SHOWN_ROWS]) + more


def _shown(value: Any) -> str:
    return "absent" if value is _ABSENT else plain(json.dumps(value, ensure_ascii=False), 80)
