r"""The files of a format: JSON that every reader takes, Parquet with pictures that rows of one video share.

JSON is written in ASCII (other characters as `\uXXXX`): some trainers open files in the machine's own encoding, and
some readers end a line at characters that only look like line ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.release.writer import SplitFiles

if TYPE_CHECKING:
    from datasets import Features

_DICTIONARY = 64 * 2**20  # bytes; above the pictures of one row group

Value = Mapping[str, Any]


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON. Raises ValueError for NaN and infinity, which JSON cannot hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="ascii", newline="\n")


def write_lines(path: Path, records: Iterable[Value]) -> int:
    """Write one record a line; return their number."""
    return _write(path, records, "", "\n", "\n", "")


def write_array(path: Path, records: Iterable[Value]) -> int:
    """Write one JSON array with a record a line; return their number."""
    return _write(path, records, "[\n", ",\n", "\n]\n", "[]\n")


def _write(path: Path, records: Iterable[Value], start: str, between: str, end: str, empty: str) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with path.open("w", encoding="ascii", newline="\n") as stream:
        for record in records:
            stream.write(between if written else start)
            stream.write(json.dumps(record, allow_nan=False))
            written += 1
        stream.write(end if written else empty)
    return written


@contextmanager
def parquet(folder: Path, split: str, features: Features) -> Iterator[SplitFiles]:
    """Files `SPLIT-NNNNN-of-NNNNN.parquet` of bounded size in `folder`, for the rows that the block adds.

    A picture that several rows of a row group hold is stored once. Files get their names at the end of a block that
    raised nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = SplitFiles(folder, split, features.arrow_schema, _open)
    try:
        yield files
        files.finish()
    finally:
        files.close()


def _open(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        write_page_checksum=True,
        write_page_index=True,
        dictionary_pagesize_limit=_DICTIONARY,
    )
