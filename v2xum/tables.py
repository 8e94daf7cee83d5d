"""Makes pandas tables with stated types of columns, which hold for a table without rows, too.

Texts are `string`, numbers `float64` (NaN: not measured) or `Int64` (NA: not known), words of a few kinds `category`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pandas as pd

from schemas.safe_text import plain_line

Kind = Literal["string", "float64", "Int64", "category", "boolean", "object"]


def table(columns: Mapping[str, Kind], rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A table of `rows`, each with every one of `columns`; the index counts from 0."""
    kept = list(rows)
    return pd.DataFrame({name: _column([row[name] for row in kept], kind) for name, kind in columns.items()})


def _column(values: list[Any], kind: Kind) -> pd.Series[Any]:
    if kind == "object":
        return pd.Series(values, dtype="object")
    if kind in ("string", "category"):  # a table is shown in terminals and notebooks
        values = [None if value is None else plain_line(value) for value in values]
    return pd.Series(values, dtype=kind)
