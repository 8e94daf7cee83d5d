"""The oracle: reads a part with pyarrow, every page by its checksum, and says what is wrong with the files themselves.

What other consumers find is compared with what this one finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.release.column_types import arrow_columns, named_types
from curation.release.consumers.answers import Answer
from curation.release.consumers.plan import Part, PlannedFile, ReadingPlan
from curation.release.readable import LONGEST, text_arrays

_BATCH_ROWS = 256
_found: dict[str, list[str]] = {}  # what is wrong with the files of a part, by its name


def read(plan: ReadingPlan, part: Part) -> Answer:
    """Read the whole part. Raises what pyarrow raises for a file that it cannot read."""
    told = _found.setdefault(part.name, [])
    root = Path(plan.release)
    columns = dict(part.columns)
    for file in part.files:
        with pq.ParquetFile(root / file.path) as shard:
            found = arrow_columns(shard.schema_arrow)
            columns = columns or found
            told += [f"{file.path}: {fault}" for fault in named_types(found, columns)]
            if shard.metadata.num_rows != file.rows:
                told.append(f"{file.path}: {shard.metadata.num_rows} rows, stated are {file.rows}")
    ids = (key for file in part.files for key in _checked(root, part, file, told))
    return Answer(columns, ids, _rows(root, part))


def faults(part: Part) -> list[str]:
    """What is wrong with the files of a part that was read, in words."""
    return _found.get(part.name, [])


def _checked(root: Path, part: Part, file: PlannedFile, told: list[str]) -> Iterator[Any]:
    """Read all columns of a file, and yield its keys."""
    first, seen = 0, set[str]()
    with pq.ParquetFile(root / file.path, page_checksum_verification=True) as shard:
        for batch in shard.iter_batches(_BATCH_ROWS):
            keys = batch.column(part.key).to_pylist() if part.key in batch.schema.names else [None] * len(batch)
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                for fault in _column_faults(column):
                    if (told_once := f"{name}: {fault}") not in seen:
                        seen.add(told_once)
                        told.append(f"{file.path}: in rows {first} to {first + len(batch) - 1}: {told_once}")
            if "split" in batch.schema.names and (others := set(batch["split"].to_pylist()) - {part.split}):
                told.append(
                    f"{file.path}: in rows {first} to {first + len(batch) - 1}: split is {min(map(str, others))}"
                )
            first += len(batch)
            yield from keys


def _column_faults(column: pa.Array) -> Iterator[str]:
    """Values that break readers: texts that are no UTF-8, hold NUL or have no end, and nulls where no value is null."""
    for texts in text_arrays(column):
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid:
            yield "a text is not UTF-8, such as one with a lone surrogate"
            continue
        if len(texts) and (pc.max(pc.binary_length(texts)).as_py() or 0) > LONGEST:
            longest = pc.max(pc.utf8_length(texts)).as_py()
            if longest > LONGEST:
                yield f"a text of {longest} characters; readers take {LONGEST}"
        if pc.any(pc.match_substring(texts, "\0")).as_py():
            yield "a text with NUL"
    yield from _nested_nulls(column, inside=False)


def _nested_nulls(column: pa.Array, *, inside: bool) -> Iterator[str]:
    """Lists and structures that are null, and nulls in lists. Pictures may be null, and so may plain values."""
    kind = column.type
    if pa.types.is_list(kind):
        if column.null_count:
            yield "a list that is null"
        values = column.flatten()
        if values.null_count:
            yield "a list with a null in it"
        yield from _nested_nulls(values, inside=True)
    elif pa.types.is_struct(kind) and [field.name for field in kind] != ["bytes", "path"]:
        if column.null_count and not inside:
            yield "a structure that is null"
        for place in range(kind.num_fields):
            yield from _nested_nulls(column.field(place), inside=False)


def _rows(root: Path, part: Part) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows whose values are compared; each row group is read once."""
    wanted: dict[str, dict[int, int]] = {}
    for file, row, place in part.sampled():
        wanted.setdefault(file.path, {})[row] = place
    for path, rows in wanted.items():
        with pq.ParquetFile(root / path) as shard:
            first = 0
            for batch in shard.iter_batches(_BATCH_ROWS):
                for row in sorted(row for row in rows if first <= row < first + len(batch)):
                    yield rows[row], batch.slice(row - first, 1).to_pylist()[0]
                first += len(batch)
