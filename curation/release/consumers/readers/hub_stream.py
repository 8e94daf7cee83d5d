"""How `datasets.load_dataset(streaming=True)` reads a part: row by row, without a cache.

Of a large part the first rows are read whole, and the ids of all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import datasets

from curation.release.column_types import arrow_columns
from curation.release.consumers.answers import Answer
from curation.release.consumers.plan import Part, ReadingPlan


def read(plan: ReadingPlan, part: Part) -> Answer:
    """Read the part, the first configuration without its name."""
    name = None if part.configuration == plan.parts[0].configuration else part.configuration
    stream = datasets.load_dataset(plan.release, name, split=part.split, streaming=True)
    columns = arrow_columns(stream.features.arrow_schema)
    sampled = {place for _, _, place in part.sampled()}
    if not part.whole:
        few = part.files[0].rows and min(sampled) + 3
        rows = [(place, row) for place, row in enumerate(stream.take(few)) if place in sampled]
        keys = datasets.load_dataset(plan.release, name, split=part.split, streaming=True, columns=[part.key])
        return Answer(columns, (row[part.key] for row in keys), rows)
    rows = []
    return Answer(columns, _all(stream, part.key, sampled, rows), rows)


def _all(stream: Any, key: str, sampled: set[int], rows: list[tuple[int, dict[str, Any]]]) -> Iterator[Any]:
    """The keys of all rows; the sampled rows are added to `rows` as they come by."""
    for place, row in enumerate(stream):
        if place in sampled:
            rows.append((place, row))
        yield row[key]
