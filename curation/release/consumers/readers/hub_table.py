"""How `datasets.load_dataset` reads a part: by the header of the card, into its cache on the disk.

Of a large part only the opened files are loaded, since the cache is as large as they are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets

from curation.release.column_types import arrow_columns
from curation.release.consumers.answers import Answer
from curation.release.consumers.plan import Part, ReadingPlan, linked_subset


def read(plan: ReadingPlan, part: Part) -> Answer:
    """Load the part, the first configuration without its name. Raises ValueError where that is another one."""
    first = plan.parts[0].configuration
    with tempfile.TemporaryDirectory() as folder:
        place = linked_subset(plan, part, Path(folder))
        if part.configuration == first and (names := datasets.get_dataset_config_names(str(place)))[:1] != [first]:
            raise ValueError(f"the configurations are {names}, so load_dataset without a name does not give {first}")
        name = None if part.configuration == first else part.configuration
        table = datasets.load_dataset(str(place), name, split=part.split, cache_dir=f"{folder}/cache")
        columns = arrow_columns(table.features.arrow_schema)
        ids, rows = list(table[part.key]), list(_rows(table, part))
    return Answer(columns, ids, rows, only_opened=not part.whole)


def _rows(table: Any, part: Part) -> Iterator[tuple[int, dict[str, Any]]]:
    starts, loaded = {}, 0
    for first, count in part.opened():
        starts[first] = loaded
        loaded += count
    for _, row, place in part.sampled():
        yield place, table[starts[place - row] + row]
