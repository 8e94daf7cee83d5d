"""Parsers of whole releases and exports: one file of a small release is hostile, and its manifest agrees with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.fuzzing.parser import Parser, drain
from benchmarks.release import sample_of
from curation.dataset.check import check_export
from curation.dataset.rows import row_of
from curation.ledger.stages import STAGES
from curation.release.browse.release_rows import ReleaseRows
from curation.release.configurations.full import FULL
from curation.release.consumers.plan import count_problems, parts_of
from curation.release.diff.opened import open_release
from curation.release.formats.registry import check_formats
from curation.release.manifest import read_manifest
from curation.release.reconstruct.wanted import listed_rows, raise_if_changed, wanted_rows
from curation.store.files import hash_file
from evaluation.readers.release import read_release as read_references
from schemas.arrow import SCHEMA_VERSION
from schemas.documents.review_report import ReviewFindings
from schemas.errors import V2XumError
from schemas.meanings.columns import described
from training.examples import read_release

PATH = "full/train-00000-of-00001.parquet"
_NO_ROWS = (pa.ArrowException, ValueError, TypeError, AttributeError, RecursionError, OverflowError, KeyError)
COLUMNS = ("id", "title", "review.status", "keyframes[].time", "captions[].text", "scores", "summary.v2t")


@cache
def rows() -> tuple[bytes, ...]:
    """Rows of the configuration `full` as JSON: two samples without pictures."""
    made = []
    for number in range(2):
        row = row_of(sample_of(number, lambda _number, index: bytes([index % 251])), "train", None)
        row["captions"], row["frames"] = row["captions"][:12], row.get("frames", [])[:12]
        made.append(row)
    return (json.dumps(made, default=str).encode(),)


@cache
def parquet() -> bytes:
    """The same rows as Parquet."""
    return _parquet(json.loads(rows()[0]))


def manifest(size: int, sha256: str) -> dict[str, Any]:
    """The manifest of a release of that one file."""
    file = {"path": PATH, "sha256": sha256, "bytes": size, "rows": 2}
    findings = ReviewFindings().model_dump(mode="json")
    return {
        "schema_version": SCHEMA_VERSION, "name": "films", "title": "Films", "licence": "cc-by-4.0", "images": False,
        "samples": 2, "splits": [{"split": "train", "rows": 2, "shards": 1}], "files": [file], "makers": [],
        "reviews": {}, "licences": {}, "languages": {}, "statistics": {}, "ratio_of_means": None, "defective": 0,
        "rejections": [], "version": "0.1.0", "made_from": "0" * 64,
        "configurations": [{"name": "full", "splits": [{"split": "train", "rows": 2, "shards": 1}]}],
        "review": {**findings, "samples": 2, "unreviewed": 2},
        "formats": {"names": ["llamafactory", "trl", "v2xum-llm"]},
    }  # fmt: skip


READERS: tuple[Callable[[Path], object], ...] = (
    *(read_manifest, check_export, check_formats, open_release, read_release, read_references),
    lambda folder: ReleaseRows(folder).rows("full", COLUMNS),
    lambda folder: raise_if_changed(folder, read_manifest(folder)),
    lambda folder: listed_rows(folder, read_manifest(folder)),
    lambda folder: wanted_rows(folder, read_manifest(folder)),
    lambda folder: (parts_of(read_manifest(folder)), count_problems(read_manifest(folder))),
)


def read_by_all(folder: Path) -> object:
    """Read a release by everybody. Raises the last error of ours, when all readers had their turn."""
    refused: V2XumError | None = None
    for reader in READERS:
        try:
            drain(reader(folder))
        except V2XumError as error:
            refused = error
    if refused is not None:
        raise refused
    return None


def _written(folder: Path, content: bytes) -> Path:
    path = folder / PATH
    path.parent.mkdir()
    path.write_bytes(content)
    sha256, size = hash_file(path)
    (folder / "manifest.json").write_text(json.dumps(manifest(size, sha256)))
    return folder


def _with_manifest(data: bytes, folder: Path) -> object:
    _written(folder, parquet())
    (folder / "manifest.json").write_bytes(data)
    return read_by_all(folder)


def _with_parquet(data: bytes, folder: Path) -> object:
    return read_by_all(_written(folder, data))


def _with_rows(data: bytes, folder: Path) -> object:
    try:
        content = _parquet(json.loads(data))
    except _NO_ROWS:
        return None  # no Parquet file can hold them
    return read_by_all(_written(folder, content))


def _parquet(found: list[dict[str, Any]]) -> bytes:
    """Rows as Parquet: in the schema of a release where they fit into it, else in their own."""
    try:
        table = pa.Table.from_pylist(found, schema=described(FULL.features().arrow_schema, FULL.name, STAGES.names))
    except _NO_ROWS:
        table = pa.Table.from_pylist(found)
    stream = pa.BufferOutputStream()
    pq.write_table(table, stream, write_page_checksum=True)
    return bytes(stream.getvalue())


def parsers() -> Iterator[Parser]:
    """The parsers of releases."""
    import hashlib

    content = parquet()
    told = json.dumps(manifest(len(content), hashlib.sha256(content).hexdigest())).encode()
    yield Parser("release: manifest", _with_manifest, (told,), examples=6)
    yield Parser("release: Parquet", _with_parquet, (content,), examples=6)
    yield Parser("release: rows", _with_rows, rows(), examples=6)
