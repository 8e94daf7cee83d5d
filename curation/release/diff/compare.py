"""Compares two releases by their configuration `full`: which rows came, went and changed, and the causes.

Both are read in the order of ids, side by side, without the bytes of pictures (their hashes are columns). Memory holds
a batch of rows a split, and what differs. Rows that are equal cost one comparison in Arrow.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from curation.release.configurations.full import FULL
from curation.release.configurations.lineage import NAME as LINEAGE
from curation.release.configurations.rejections import REJECTIONS
from curation.release.diff.changed import Change, causes_of_change, columns_for
from curation.release.diff.examples import Example, Examples
from curation.release.diff.opened import TOMBSTONES, OpenedRelease, open_release
from curation.release.diff.out import Place, Published, causes_of_coming, causes_of_leaving
from curation.release.diff.reading import RowRef, columns_of, rows_by_id, rows_with_ids, shown_name
from curation.release.diff.states import Pair, all_causes
from schemas.documents.release_diff import Cause, ChangedRow, DiffSide, ReleaseDiff
from schemas.errors import ConfigError
from schemas.kit.most_first import most_first

# The version of the columns says nothing about a row: columns that came or went are listed once, for all rows.
NOT_COMPARED = frozenset({"id", "schema_version"})
_CAME_AT_ONCE = 5_000


class Compared(NamedTuple):
    """The differences of two releases, and some changed rows with their old and new texts."""

    diff: ReleaseDiff
    examples: tuple[Example, ...]


def compare_folders(before: Path, after: Path) -> Compared:
    """Compare the releases in two folders. Raises ConfigError for what is no release, or is not what was published."""
    try:
        return compare(open_release(before), open_release(after))
    except (TypeError, LookupError, AttributeError) as error:  # rows of other code than this project's
        raise ConfigError(
            f"{before} or {after}: its rows have another form than those of a release ({type(error).__name__})"
        ) from error


def compare(before: OpenedRelease, after: OpenedRelease) -> Compared:
    """Compare two releases whose files are known to be sound. Raises ConfigError for rows that cannot be read."""
    first, second = columns_of(before, FULL.name), columns_of(after, FULL.name)
    shared = first & second if first and second else first | second
    states = Pair(before.states, after.states)
    walk = _Walk(states, Examples())
    for old, new in _side_by_side(_rows(before, shared), _rows(after, shared)):
        walk.see(old, new)
    removed = dict(_told(walk.removed, before, after, states, came=False))
    added = dict(_told(walk.added, before, after, states, came=True))
    diff = ReleaseDiff(
        before=_side(before),
        after=_side(after),
        added=tuple(added),
        removed=tuple(removed),
        changed=tuple(walk.changed),
        same=walk.same,
        causes=dict(sorted((removed | added).items())),
        by_cause={
            "added": _counted(added.values()),
            "removed": _counted(removed.values()),
            "changed": _counted(row.causes for row in walk.changed),
        },
        columns_added=tuple(sorted(map(shown_name, second - first))) if first and second else (),
        columns_removed=tuple(sorted(map(shown_name, first - second))) if first and second else (),
        stages=all_causes(states),
    )
    return Compared(diff, walk.examples.chosen())


class _Walk:
    """What was seen of the rows so far."""

    def __init__(self, states: Pair, examples: Examples) -> None:
        self.added: dict[str, str | None] = {}  # id -> review status
        self.removed: dict[str, str | None] = {}
        self.changed: list[ChangedRow] = []
        self.same = 0
        self.examples = examples
        self._states = states

    def see(self, old: RowRef | None, new: RowRef | None) -> None:
        """Take a pair of rows with one id; None where a release has none."""
        if old is None or new is None:
            ref = old or new
            if ref is not None:
                (self.removed if new is None else self.added)[ref.id] = _status(ref)
            return
        first, second = old.one(), new.one()
        if first.equals(second) or not (fields := _fields(first, second)):
            self.same += 1
            return
        change = Change(_row(first, columns_for(fields)), _row(second, columns_for(fields)), fields)
        causes = causes_of_change(change, self._states)
        self.changed.append(
            ChangedRow(id=old.id, fields=_in_order(first, fields), cause=causes[0].cause, causes=causes)
        )
        if self.examples.wants(causes[0].cause):
            names = frozenset(first.schema.names)
            self.examples.add(causes, Change(_row(first, names), _row(second, names), fields))


def _rows(release: OpenedRelease, columns: Collection[str]) -> Iterator[RowRef]:
    return rows_by_id(release, FULL.name, columns) if release.files(FULL.name) else iter(())


def _side_by_side(first: Iterator[RowRef], second: Iterator[RowRef]) -> Iterator[tuple[RowRef | None, RowRef | None]]:
    """Rows of equal ids in pairs, and rows that one side alone has, by id."""
    old, new = next(first, None), next(second, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.id < new.id):
            yield old, None
            old = next(first, None)
        elif old is None or new.id < old.id:
            yield None, new
            new = next(second, None)
        else:
            yield old, new
            old, new = next(first, None), next(second, None)


def _fields(first: pa.RecordBatch, second: pa.RecordBatch) -> frozenset[str]:
    """The columns in which two rows differ. Equal values of unlike types (32 and 64 bits) are equal, and so are NaN."""
    differing = []
    for name in first.schema.names:
        if name in NOT_COMPARED:
            continue
        old, new = first.column(name), second.column(name)
        if not old.equals(new) and not alike(old.to_pylist(), new.to_pylist()):
            differing.append(name)
    return frozenset(differing)


def alike(first: Any, second: Any) -> bool:
    """Whether two values are equal; NaN is equal to NaN."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(alike(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(alike, first, second))
    if isinstance(first, float) and isinstance(second, float) and math.isnan(first):
        return math.isnan(second)
    return bool(first == second)


def _row(one: pa.RecordBatch, columns: frozenset[str]) -> dict[str, Any]:
    (row,) = one.select([name for name in one.schema.names if name in columns]).to_pylist()
    return dict(row)


def _in_order(one: pa.RecordBatch, fields: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in one.schema.names if name in fields)


def _status(ref: RowRef) -> str | None:
    if "review" not in ref.batch.schema.names:
        return None
    (review,) = ref.one().column("review").to_pylist()
    status = review.get("status") if isinstance(review, dict) else None
    return None if status is None else str(status)


def _told(
    rows: dict[str, str | None], before: OpenedRelease, after: OpenedRelease, states: Pair, *, came: bool
) -> Iterator[tuple[str, tuple[Cause, ...]]]:
    """The causes for which rows came (or went), by id, from what the release without them says of them."""
    without, has = (before, after) if came else (after, before)
    causes_of = causes_of_coming if came else causes_of_leaving
    names = list(rows)
    for start in range(0, len(names), _CAME_AT_ONCE):
        chunk = names[start : start + _CAME_AT_ONCE]
        rejections, tombstones, lineage = (
            rows_with_ids(without, name, chunk) for name in (REJECTIONS.name, TOMBSTONES, LINEAGE)
        )
        known = rows_with_ids(has, LINEAGE, chunk)
        for name in chunk:
            place = Place(rejections.get(name), tombstones.get(name), lineage.get(name), without.has_lineage)
            yield name, causes_of(place, Published(known.get(name), rows[name]), states)


def _side(release: OpenedRelease) -> DiffSide:
    said = release.listed.model_dump(include={"version", "schema_version", "images", "title", "licence"})
    return DiffSide(rows=sum(file.rows or 0 for file in release.files(FULL.name)), **said)


def _counted(causes: Any) -> dict[str, int]:
    """Rows by their first cause, the most frequent first."""
    return most_first(Counter(each[0].cause for each in causes))
