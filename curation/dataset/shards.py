"""Writing rows: Parquet shards of bounded size, and the upstream-compatible JSON beside them.

Memory holds one row group at a time: at most `GROUP_ROWS` rows, or as many as carry `GROUP_BYTES` of pictures
and texts. Group boundaries follow from the rows alone, so equal rows give equal bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset.rows import upstream_record
from schemas.arrow import PLAIN, Columns, arrow_schema
from schemas.manifest import SplitName
from schemas.meanings.columns import described

GROUP_ROWS = 100
GROUP_BYTES = 16 * 2**20


class ShardWriter:
    """Writes the rows of one split to `data/SPLIT-NNNNN-of-NNNNN.parquet`; the files get their names at the end."""

    def __init__(self, folder: Path, split: SplitName, rows_per_shard: int, schema: pa.Schema) -> None:
        """Write below the existing folder `folder`, with one of the schemas of `schemas.arrow`."""
        self._schema = schema
        self.split = split
        self.rows = 0
        self._folder = folder / "data"
        self._limit = rows_per_shard
        self._parts: list[tuple[Path, int]] = []
        self._writer: pq.ParquetWriter | None = None
        self._buffer: list[dict[str, Any]] = []
        self._buffered = 0
        self._in_shard = 0

    def add(self, row: dict[str, Any]) -> None:
        """Append a row of `schemas.arrow`'s columns. Raises pyarrow.ArrowInvalid or ArrowTypeError for a wrong type."""
        self._buffer.append(row)
        self._buffered += payload_bytes(row)
        self.rows += 1
        self._in_shard += 1
        full = self._in_shard >= self._limit
        if full or len(self._buffer) >= GROUP_ROWS or self._buffered >= GROUP_BYTES:
            self._flush()
        if full:
            self._close_shard()

    def finish(self) -> list[tuple[Path, int]]:
        """Close the last shard, give all of them their final names, and return (path, rows) in order."""
        self._flush()
        self._close_shard()
        named = []
        for number, (part, rows) in enumerate(self._parts):
            final = self._folder / f"{self.split}-{number:05d}-of-{len(self._parts):05d}.parquet"
            part.rename(final)
            named.append((final, rows))
        return named

    def abandon(self) -> None:
        """Close the open file without finishing it."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _flush(self) -> None:
        if not self._buffer:
            return
        if self._writer is None:
            self._folder.mkdir(exist_ok=True)
            part = self._folder / f"{self.split}-{len(self._parts):05d}.part"
            self._writer = open_parquet(part, described(self._schema, "full"))
            self._parts.append((part, 0))
        self._writer.write_batch(pa.RecordBatch.from_pylist(self._buffer, schema=self._schema))
        self._buffer.clear()
        self._buffered = 0

    def _close_shard(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._parts[-1] = (self._parts[-1][0], self._in_shard)
        self._in_shard = 0


class JsonWriter:
    """Writes a JSON array, one element a line, without holding it in memory."""

    def __init__(self, path: Path) -> None:
        """Create the file and its folder."""
        path.parent.mkdir(exist_ok=True)
        self.path = path
        self.rows = 0
        self._stream = path.open("w", encoding="utf-8", newline="\n")

    def add(self, record: dict[str, Any]) -> None:
        """Append one element. Raises ValueError for NaN and infinity, which JSON cannot hold."""
        self._stream.write(",\n" if self.rows else "[\n")
        self._stream.write(json.dumps(record, ensure_ascii=False, allow_nan=False))
        self.rows += 1

    def finish(self) -> None:
        """End the array and close the file."""
        self._stream.write("\n]\n" if self.rows else "[]\n")
        self._stream.close()

    def abandon(self) -> None:
        """Close the file unfinished."""
        self._stream.close()


class SplitWriter:
    """Writes rows to the files of their split (`row["split"]`); a split without rows gets no file.

    A context manager: files get their final names at the end of a block that raised nothing.
    """

    def __init__(self, folder: Path, rows_per_shard: int, columns: Columns = PLAIN) -> None:
        """Write rows with these columns below the existing folder `folder`."""
        self._schema = arrow_schema(columns)
        self._folder = folder
        self._limit = rows_per_shard
        self._splits: dict[SplitName, tuple[ShardWriter, JsonWriter]] = {}
        self._files: list[tuple[Path, int]] = []

    def add(self, row: dict[str, Any]) -> None:
        """Append a row to the Parquet and the JSON of its split."""
        split: SplitName = row["split"]
        if split not in self._splits:
            self._splits[split] = (
                ShardWriter(self._folder, split, self._limit, self._schema),
                JsonWriter(self._folder / "json" / f"{split}.json"),
            )
        parquet, records = self._splits[split]
        parquet.add(row)
        records.add(upstream_record(row))

    def files(self) -> list[tuple[Path, int]]:
        """All finished files and their rows; empty inside the block."""
        return list(self._files)

    def __enter__(self) -> Self:
        """Nothing is opened before the first row."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish every file; when the block raised, close it unfinished."""
        for parquet, records in self._splits.values():
            if kind is None:
                self._files += parquet.finish()
                records.finish()
                self._files.append((records.path, records.rows))
            else:
                parquet.abandon()
                records.abandon()


def payload_bytes(row: dict[str, Any]) -> int:
    """Bytes of pictures and characters of caption text in a row, which is nearly all of its memory."""
    pictures = sum(len(keyframe["image"]["bytes"]) for keyframe in row["keyframes"] if keyframe["image"])
    return pictures + sum(len(caption["text"]) for caption in row["captions"])


def open_parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A new Parquet file with page index, page checksums and pages whose borders follow from the content.

    Such borders let a store that finds equal chunks keep an unchanged row once, in whatever file it stands.
    """
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        write_page_checksum=True,
        write_page_index=True,
        use_content_defined_chunking=True,
    )
