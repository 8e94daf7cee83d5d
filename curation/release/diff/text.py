"""The differences of two releases as lines for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from jinja2 import Template

from pages.templates import load_markdown_template
from schemas.documents.release_diff import CAUSES, Cause, ReleaseDiff
from schemas.kit.number_of import number_of
from schemas.safe_text import plain

IN_TEXT, IN_CHANGES = 20, 100
_CAUSES_SHOWN, _LONGEST = 4, 300


class Entry(NamedTuple):
    """A row that came, went or changed, in words; `fields` is empty but for changed rows."""

    id: str
    fields: str
    causes: str


class Part(NamedTuple):
    """The rows that came, that went or that changed: some of them, and how many more there are."""

    title: str
    entries: tuple[Entry, ...]
    more: int


def summary(diff: ReleaseDiff) -> str:
    """The differences in one sentence."""
    counts = f"{number_of(len(diff.added), 'row')} came, {len(diff.removed):,} went, {len(diff.changed):,} changed"
    return f"{counts}; {diff.same:,} {'is as it was' if diff.same == 1 else 'are as they were'}"


def cause_words(cause: Cause) -> str:
    """A cause in words: `prompt at refine: refine.v1 -> refine.v2`."""
    where = f" at {cause.stage}" if cause.stage is not None else ""
    return plain(f"{cause.cause}{where}" + (f": {cause.detail}" if cause.detail else ""), _LONGEST)


def causes_words(causes: Sequence[Cause]) -> str:
    """Some causes in words, the root first."""
    more = f"; and {len(causes) - _CAUSES_SHOWN} more" if len(causes) > _CAUSES_SHOWN else ""
    return "; ".join(map(cause_words, causes[:_CAUSES_SHOWN])) + more


def parts(diff: ReleaseDiff, most: int) -> tuple[Part, Part, Part]:
    """The rows that came, went and changed, at most `most` of each, by id."""
    came, went = (
        Part(
            title,
            tuple(Entry(name, "", causes_words(diff.causes.get(name, ()))) for name in names[:most]),
            max(len(names) - most, 0),
        )
        for title, names in (("Rows that came", diff.added), ("Rows that went", diff.removed))
    )
    rows = diff.changed
    changed = tuple(Entry(row.id, ", ".join(row.fields), causes_words(row.causes)) for row in rows[:most])
    return came, went, Part("Rows that changed", changed, max(len(rows) - most, 0))


def table_of_causes(diff: ReleaseDiff) -> list[tuple[str, tuple[int, int, int], str]]:
    """By first cause, in the order of the vocabulary: rows that came, went and changed, and what the cause means."""
    counts: Mapping[str, Mapping[str, int]] = diff.by_cause
    found: list[tuple[str, tuple[int, int, int], str]] = []
    for name, meaning in CAUSES.items():
        came, went, changed = (counts.get(kind, {}).get(name, 0) for kind in ("added", "removed", "changed"))
        if came or went or changed:
            found.append((name, (came, went, changed), meaning))
    return found


def said_of_releases(diff: ReleaseDiff) -> list[str]:
    """What differs between the releases themselves: how they were made, what they state, their columns."""
    found = [cause_words(cause) for cause in diff.stages]
    for name in ("title", "licence", "images", "schema_version"):
        old, new = getattr(diff.before, name), getattr(diff.after, name)
        if old != new:
            found.append(plain(f"{name.replace('_', ' ')}: {old} -> {new}", _LONGEST))
    for word, columns in (("new columns", diff.columns_added), ("columns that are gone", diff.columns_removed)):
        if columns:
            found.append(plain(f"{word}, by which rows are not compared: {', '.join(columns)}", _LONGEST))
    return found


def terminal_lines(diff: ReleaseDiff) -> Iterator[str]:
    """The differences for a terminal; every line is safe to print."""
    yield f"{diff.before.version} -> {diff.after.version}: {summary(diff)}"
    if causes := table_of_causes(diff):
        yield f"\n{'first cause':20}{'came':>8}{'went':>8}{'changed':>9}"
        for name, counts, _ in causes:
            yield f"{name:20}{counts[0]:8,}{counts[1]:8,}{counts[2]:9,}"
    if said := said_of_releases(diff):
        yield "\nThe releases differ in"
        yield from (f"  {line}" for line in said)
    for part in parts(diff, IN_TEXT):
        if part.entries:
            yield f"\n{part.title}"
        for entry in part.entries:
            fields = f" ({entry.fields})" if entry.fields else ""
            yield f"  {plain(f'{entry.id}{fields}: {entry.causes}', 2 * _LONGEST)}"
        if part.more:
            yield f"  and {part.more:,} more (--json lists all)"


def render_changes(diff: ReleaseDiff | None, version: str, rows: int) -> str:
    """CHANGES.md of the release `version`; `diff` is None in the first release."""
    text = _template().render(
        version=version,
        rows=rows,
        diff=diff,
        summary=summary(diff) if diff is not None else "",
        causes=table_of_causes(diff) if diff is not None else [],
        said=said_of_releases(diff) if diff is not None else [],
        parts=parts(diff, IN_CHANGES) if diff is not None else (),
    )
    return text.rstrip("\n") + "\n"


def _template() -> Template:
    return load_markdown_template("changes.md.j2", {})
