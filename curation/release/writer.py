"""Writes rows of a configuration to Parquet files of bounded size: `CONFIGURATION/SPLIT-NNNNN-of-NNNNN.parquet`.

Row groups hold `GROUP_BYTES` of Arrow data and one batch of rows more at most, files `FILE_BYTES` and one row group
more. Both follow from the rows alone, so equal rows give equal bytes. Memory holds one row group a split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset.shards import open_parquet
from curation.ledger.stages import STAGES
from curation.release.column_types import arrow_columns
from curation.release.configurations.configuration import Configuration, Row
from curation.release.readable import arrow_batch
from schemas.meanings.columns import described
from schemas.release import ConfigurationCount, ConfigurationSplit

GROUP_BYTES = 16 * 2**20
FILE_BYTES = 512 * 2**20
_BATCH_ROWS, _BATCH_PAYLOAD = 64, 2**20


class SplitFiles:
    """Writes the rows of one split of a configuration."""

    def __init__(
        self,
        folder: Path,
        split: str,
        schema: pa.Schema,
        open_file: Callable[[Path, pa.Schema], pq.ParquetWriter] = open_parquet,
    ) -> None:
        """Write below `folder`, which is made with the first row, to files that `open_file` opens."""
        self.split = split
        self._open = open_file
        self._folder, self._schema = folder, schema
        self._shown = [field.name for field in schema if _holds_pictures(field.type)]
        self._rows: list[Row] = []
        self._payload = 0
        self._group: list[pa.RecordBatch] = []
        self._group_bytes = self._file_bytes = 0
        self._parts: list[tuple[Path, int]] = []
        self._writer: pq.ParquetWriter | None = None

    def add(self, row: Row) -> None:
        """Append a row. Raises pyarrow.ArrowInvalid or ArrowTypeError for a value of a wrong type."""
        self._rows.append(row)
        self._payload += sum(len(data) for name in self._shown for data in _blobs(row.get(name)))
        if len(self._rows) >= _BATCH_ROWS or self._payload >= _BATCH_PAYLOAD:
            self._batch()

    def finish(self) -> list[tuple[Path, int]]:
        """Close the last file, give all of them their final names, and return (path, rows) in order."""
        self._batch()
        self._write_group()
        self.close()
        named = []
        for number, (part, rows) in enumerate(self._parts):
            final = self._folder / f"{self.split}-{number:05d}-of-{len(self._parts):05d}.parquet"
            part.rename(final)
            named.append((final, rows))
        return named

    def close(self) -> None:
        """Close the open file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._file_bytes = 0

    def _batch(self) -> None:
        if not self._rows:
            return
        batch = arrow_batch(self._rows, self._schema)
        self._rows, self._payload = [], 0
        self._group.append(batch)
        self._group_bytes += batch.nbytes
        if self._group_bytes >= GROUP_BYTES:
            self._write_group()
            if self._file_bytes >= FILE_BYTES:
                self.close()

    def _write_group(self) -> None:
        if not self._group:
            return
        if self._writer is None:
            self._folder.mkdir(exist_ok=True)
            part = self._folder / f"{self.split}-{len(self._parts):05d}.part"
            self._writer = self._open(part, self._schema)
            self._parts.append((part, 0))
        table = pa.Table.from_batches(self._group, self._schema)
        self._writer.write_table(table, row_group_size=table.num_rows)
        path, rows = self._parts[-1]
        self._parts[-1] = (path, rows + table.num_rows)
        self._file_bytes += self._group_bytes
        self._group, self._group_bytes = [], 0


class ConfigurationWriter:
    """Writes the rows of one configuration, each to the files of its split (`row["split"]`).

    A context manager: files get their final names at the end of a block that raised nothing.
    """

    def __init__(self, folder: Path, configuration: Configuration) -> None:
        """Write below `folder`, the release's."""
        self.configuration = configuration
        self.files: list[tuple[Path, int]] = []
        self._folder = folder / configuration.name
        self._schema = described(configuration.features().arrow_schema, configuration.name, STAGES.names)
        self._splits: dict[str, SplitFiles] = {}

    def add(self, row: Row) -> None:
        """Append a row. Raises as `SplitFiles.add`."""
        split = row["split"]
        if split not in self._splits:
            self._splits[split] = SplitFiles(self._folder, split, self._schema)
        self._splits[split].add(row)

    def count(self) -> ConfigurationCount:
        """The finished files, counted by split; empty inside the block."""
        rows = {split: [count for path, count in self.files if _split(path) == split] for split in self._splits}
        splits = (ConfigurationSplit(split=name, rows=sum(of), shards=len(of)) for name, of in rows.items())
        columns = arrow_columns(self._schema)
        return ConfigurationCount(
            name=self.configuration.name, splits=tuple(sorted(splits, key=_place)), columns=columns
        )

    def __enter__(self) -> Self:
        """Nothing is opened before the first row group."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish every file; when the block raised, close it unfinished."""
        for split in self._splits.values():
            if kind is None:
                self.files += split.finish()
            else:
                split.close()


def _split(path: Path) -> str:
    return path.name.partition("-")[0]


def _place(split: ConfigurationSplit) -> tuple[int, str]:
    """The order of splits: train, validation, test, then others by name."""
    known = ("train", "validation", "test")
    return (known.index(split.split) if split.split in known else len(known), split.split)


def _holds_pictures(kind: pa.DataType) -> bool:
    """Whether values of a type are bytes, or have some in their lists and structures."""
    inner = [kind.field(place).type for place in range(kind.num_fields)]
    return pa.types.is_binary(kind) or any(map(_holds_pictures, inner))


def _blobs(value: Any) -> Iterator[bytes]:
    """The pictures in a value: in a column, in its lists, and in structures in these."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            if isinstance(item, dict | list | bytes):
                yield from _blobs(item)
    elif isinstance(value, list) and value and isinstance(value[0], dict | bytes):
        for item in value:
            yield from _blobs(item)
