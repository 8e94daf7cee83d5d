"""How polars reads a part: a lazy frame over all of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from curation.release.column_types import list_of, struct_of
from curation.release.consumers.answers import Answer
from curation.release.consumers.plan import Part, ReadingPlan

_NAMES = {"String": "string", "Boolean": "bool", "Binary": "binary"}


def read(plan: ReadingPlan, part: Part) -> Answer:
    """Read the part."""
    root = Path(plan.release)
    frame = pl.scan_parquet([root / file.path for file in part.files])
    columns = {name: _type(kind) for name, kind in frame.collect_schema().items()}
    rows = [
        (place, pl.scan_parquet(root / file.path).slice(row, 1).collect().row(0, named=True))
        for file, row, place in part.sampled()
    ]
    return Answer(columns, frame.select(part.key).collect()[part.key], rows)


def _type(kind: Any) -> str:
    if isinstance(kind, pl.List):
        return list_of(_type(kind.inner))
    if isinstance(kind, pl.Struct):
        return struct_of((field.name, _type(field.dtype)) for field in kind.fields)
    return _NAMES.get(str(kind), str(kind).lower())
