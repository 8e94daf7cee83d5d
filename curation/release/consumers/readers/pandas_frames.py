"""How pandas reads a part: a file at a time, as `pandas.read_parquet` does without settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from curation.release.consumers.answers import Answer
from curation.release.consumers.plan import Part, ReadingPlan


def read(plan: ReadingPlan, part: Part) -> Answer:
    """Read the part. Its columns have no types: pandas keeps lists and structures as objects."""
    root = Path(plan.release)
    columns: dict[str, str | None] = {}
    rows: list[tuple[int, dict[str, Any]]] = []
    for path in dict.fromkeys(file.path for file, _, _ in part.sampled()):
        frame = pd.read_parquet(root / path)
        columns = columns or dict.fromkeys(frame.columns)
        rows += [
            (place, {str(name): value for name, value in frame.iloc[row].items()})
            for file, row, place in part.sampled()
            if file.path == path
        ]
    return Answer(columns, _ids(root, part), rows)


def _ids(root: Path, part: Part) -> Iterator[Any]:
    for file in part.files:
        yield from pd.read_parquet(root / file.path, columns=[part.key])[part.key]
