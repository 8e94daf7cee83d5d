"""Reads rows of a release's folder, which nobody needs to trust: by columns and batches, never all rows with pictures.

Files are named by the manifest, in whose form no path leads out of the folder; their sizes must be those of the
manifest, and pages of Parquet are compared with their checksums. `v2xum check` compares hashes, too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from curation.release.manifest import read_part
from curation.release.versions import MANIFEST
from schemas.errors import ConfigError
from schemas.kit.utf8 import quoted
from schemas.manifest import SPLITS, ExportedFile
from schemas.safe_text import plain

_FILE = re.compile(r"(?P<configuration>[a-z0-9_]+)/(?P<split>[a-z]+)-[0-9]{5}-of-[0-9]{5}\.parquet")
_BATCH_ROWS = 64


class Listed(BaseModel):
    """The part of a release's manifest that browsing needs; manifests of other forms have it too."""

    version: str
    made_from: str
    name: str
    title: str | None
    licence: str | None
    images: bool
    samples: int
    files: tuple[ExportedFile, ...]


class ReleaseRows:
    """The rows of a release, configuration by configuration."""

    def __init__(self, folder: Path) -> None:
        """Read the manifest. Raises ConfigError where there is none, or no release's."""
        self.folder = folder
        self.manifest = read_part(folder, Listed)

    def rows(self, configuration: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The rows of a configuration, split by split, as `default` and `full` both have them.

        `columns` names columns and parts of them: `title`, `review.status`, `keyframes[].time` (of a list). A row has
        the named parts alone, and lacks those that its release does not have. Raises ConfigError for a file that is
        missing, damaged or no file of a release.
        """
        for file in self._files(configuration):
            for batch in self._batches_of(file, columns):
                try:
                    found = batch.to_pylist()
                except _UNREADABLE as error:  # texts that are no UTF-8
                    raise self._unreadable(file, error) from error
                yield from found

    def batches(
        self, configuration: str, columns: Sequence[str], splits: Collection[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The same as Arrow data of at most 64 rows each; only of `splits`, where they are given. Raises as `rows`."""
        for file in self._files(configuration):
            match = _FILE.fullmatch(file.path)
            if splits is None or (match and match["split"] in splits):
                yield from self._batches_of(file, columns)

    def parts(self, configuration: str) -> list[str]:
        """The names of all parts of a configuration's columns, as `rows` takes them. Raises ConfigError as `rows`."""
        for file in self._files(configuration):
            try:
                schema = pq.read_schema(self.folder / file.path)
            except _UNREADABLE as error:
                raise self._unreadable(file, error) from error
            return [leaf for field in schema for leaf in _leaves(field.type, field.name)]
        return []

    def _files(self, configuration: str) -> list[ExportedFile]:
        found = []
        for file in self.manifest.files:
            match = _FILE.fullmatch(file.path)
            if match and match["configuration"] == configuration:
                known = match["split"] in SPLITS
                found.append(((SPLITS.index(match["split"]) if known else len(SPLITS), file.path), file))
        if not found and self.manifest.samples:
            raise ConfigError(
                f"{self.folder / MANIFEST} names no file of the configuration {configuration}: this is no release of "
                "`v2xum release`"
            )
        return [file for _, file in sorted(found, key=lambda each: each[0])]

    def _batches_of(self, file: ExportedFile, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        path = self.folder / file.path
        count = 0
        try:
            if not path.is_file():
                raise ConfigError(f"{path} is missing: copy or download the whole release")
            if path.stat().st_size != file.bytes:
                raise ConfigError(f"{path} has {path.stat().st_size:,} bytes instead of {file.bytes:,}: {_AGAIN}")
            with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
                wanted = _parquet_names(parquet, columns)
                for batch in parquet.iter_batches(_BATCH_ROWS, columns=wanted):
                    count += batch.num_rows
                    yield batch
        except _UNREADABLE as error:
            raise self._unreadable(file, error) from error
        if count != file.rows:
            raise ConfigError(f"{path} has {count} rows instead of {file.rows}: {_AGAIN}")

    def _unreadable(self, file: ExportedFile, error: Exception) -> ConfigError:
        return ConfigError(f"{self.folder / file.path} cannot be read ({plain(str(error), 200)}): {_AGAIN}")


_UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError)
_AGAIN = "copy or download it again; `v2xum check DIR` names every damaged file"


def _parquet_names(parquet: pq.ParquetFile, columns: Sequence[str]) -> list[str]:
    """The Parquet names of those parts of `columns` that a file has; a part with parts of its own counts whole."""
    paths = [parquet.schema.column(place).path for place in range(len(parquet.schema))]
    leaves = [leaf for field in parquet.schema_arrow for leaf in _leaves(field.type, field.name)]
    if len(leaves) != len(paths) or len(set(leaves)) != len(leaves):
        raise ConfigError(f"{quoted(str(parquet.schema_arrow.names[:5]))}: columns that no release has")
    return [
        path
        for leaf, path in zip(leaves, paths, strict=True)
        if any(leaf == name or leaf.startswith((f"{name}.", f"{name}[")) for name in columns)
    ]


def _leaves(kind: pa.DataType, name: str) -> Iterator[str]:
    if pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            yield from _leaves(kind.field(place).type, f"{name}.{kind.field(place).name}")
    elif pa.types.is_list(kind):
        yield from _leaves(kind.value_type, f"{name}[]")
    else:
        yield name
