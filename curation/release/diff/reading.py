"""Reads the rows of a release in the order of their ids: a batch a split is in memory, and no picture.

A release writes each split in the order of ids. So the splits are merged like sorted lists, and two releases are walked
side by side.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.release.diff.opened import OpenedRelease
from schemas.errors import ConfigError
from schemas.manifest import ExportedFile
from schemas.safe_text import plain

_BATCH = 64
_INNER = (".list.element", ".list.item")


class RowRef(NamedTuple):
    """A row: its id, and its place in a batch of columns."""

    id: str
    batch: pa.RecordBatch
    place: int

    def one(self) -> pa.RecordBatch:
        """The row alone."""
        return self.batch.slice(self.place, 1)


def columns_of(release: OpenedRelease, configuration: str) -> frozenset[str]:
    """The leaf columns (`keyframes.list.element.caption`) of a configuration, without the bytes of pictures.

    Raises ConfigError when its files have unlike columns, or one cannot be read.
    """
    found: frozenset[str] | None = None
    for file in release.files(configuration):
        path = release.folder / file.path
        with _opened(path) as parquet:
            leaves = [parquet.schema.column(number) for number in range(len(parquet.schema))]
        pictures = tuple(
            leaf.path.rpartition(".")[0] + "."
            for leaf in leaves
            if leaf.physical_type == "BYTE_ARRAY" and leaf.logical_type.type == "NONE"
        )
        columns = frozenset(
            leaf.path for leaf in leaves if not (pictures and f"{leaf.path.rpartition('.')[0]}.".startswith(pictures))
        )
        if found is not None and columns != found:
            raise ConfigError(f"{path}: has other columns than the files before it, so it is not of one release")
        found = columns
    return found or frozenset()


def shown_name(leaf: str) -> str:
    """A leaf column as people write it: `keyframes.caption`."""
    for inner in _INNER:
        leaf = leaf.replace(inner, "")
    return leaf


def rows_by_id(release: OpenedRelease, configuration: str, columns: Collection[str]) -> Iterator[RowRef]:
    """All rows with these leaf columns (`id` among them), by id.

    Raises ConfigError when a file cannot be read, ids do not ascend within a split, or two rows have one id.
    """
    splits: dict[str, list[ExportedFile]] = defaultdict(list)
    for file in release.files(configuration):
        splits[file.path.rpartition("/")[2].partition("-")[0]].append(file)
    wanted = sorted(columns)
    streams = [_rows(release, files, wanted) for _, files in sorted(splits.items())]
    last: str | None = None
    for row in heapq.merge(*streams, key=lambda row: row.id):
        if row.id == last:
            raise ConfigError(f"{release.folder}: two rows of `{configuration}` have the id {plain(row.id)!r}")
        last = row.id
        yield row


def rows_with_ids(release: OpenedRelease, configuration: str, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The rows of these ids with all columns, by id; for configurations of small rows. Raises ConfigError."""
    found: dict[str, dict[str, Any]] = {}
    if not ids:
        return found
    wanted = pa.array(sorted(ids), pa.string())
    for file in release.files(configuration):
        path = release.folder / file.path
        for batch in _batches(path, None, 1024):
            try:
                chosen = batch.filter(pc.is_in(batch.column("id").cast(pa.string()), value_set=wanted))
                found |= {row["id"]: row for row in chosen.to_pylist()}
            except (pa.ArrowException, UnicodeDecodeError) as error:
                raise ConfigError(f"{path}: its ids cannot be read: {plain(str(error))}") from error
    return found


def row_with_id(
    release: OpenedRelease, configuration: str, columns: Collection[str], wanted: str
) -> dict[str, Any] | None:
    """The row of an id with these leaf columns; None when there is none. One row group is read whole, at most."""
    for file in release.files(configuration):
        path = release.folder / file.path
        with _opened(path) as parquet:
            try:
                for group in range(parquet.num_row_groups):
                    ids = parquet.read_row_group(group, columns=["id"])["id"].to_pylist()
                    if wanted in ids:
                        table = parquet.read_row_group(group, columns=sorted(columns))
                        (row,) = table.slice(ids.index(wanted), 1).to_pylist()
                        return dict(row)
            except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
                raise ConfigError(f"{path}: cannot be read: {plain(str(error))}") from error
    return None


def _rows(release: OpenedRelease, files: Sequence[ExportedFile], columns: list[str]) -> Iterator[RowRef]:
    last = ""
    for file in files:
        path = release.folder / file.path
        for batch in _batches(path, columns, _BATCH):
            ids = batch.column("id").to_pylist()
            if not all(isinstance(name, str) for name in ids):
                raise ConfigError(f"{path}: a row has no id")
            if ids and (ids[0] < last or any(second < first for first, second in pairwise(ids))):
                raise ConfigError(
                    f"{path}: its rows are not in the order of their ids, as `v2xum release` writes them, so it cannot "
                    "be compared"
                )
            for place, name in enumerate(ids):
                yield RowRef(name, batch, place)
            last = ids[-1] if ids else last


def _batches(path: Path, columns: list[str] | None, rows: int) -> Iterator[pa.RecordBatch]:
    with _opened(path) as parquet:
        try:
            yield from parquet.iter_batches(batch_size=rows, columns=columns, use_threads=True)
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {plain(str(error))}") from error


def _opened(path: Path) -> pq.ParquetFile:
    try:
        parquet = pq.ParquetFile(path)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as Parquet: {plain(str(error))}") from error
    if "id" not in parquet.schema_arrow.names:
        parquet.close()
        raise ConfigError(f"{path}: its rows have no column `id`")
    return parquet
