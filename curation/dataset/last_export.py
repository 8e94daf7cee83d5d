"""What a workspace remembers of its last export: its samples, its manifest's hash, and what it was made from.

It lies outside the export and outside the ledger: the loss of either is noticed by it.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from curation.dataset.layout import MANIFEST
from curation.store.files import hash_file, write_whole
from curation.workspace import Workspace
from schemas.records import Record, Sha256

_FILE = "export.json"
_OLD_FILE = "export.key"  # of version 0.1; it has the key alone


class LastExport(Record):
    """The last export: its samples' ids, its manifest's SHA-256, and the key of what it was made from.

    `key` is null when a sample could not be written, which the next export tries again.
    """

    key: str | None
    manifest_sha256: Sha256
    ids: tuple[str, ...]


def last_export(workspace: Workspace) -> LastExport | None:
    """What the workspace remembers; None when nothing was exported, or by an earlier version."""
    try:
        return LastExport.model_validate_json((workspace.root / _FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def remember(workspace: Workspace, key: str | None, ids: tuple[str, ...]) -> None:
    """Note the export that lies in the workspace now."""
    sha256, _ = hash_file(workspace.export / MANIFEST)
    record = LastExport(key=key, manifest_sha256=sha256, ids=ids)
    write_whole(workspace.root / _FILE, record.canonical() + "\n", durable=True)
    (workspace.root / _OLD_FILE).unlink(missing_ok=True)


def forget(workspace: Workspace) -> None:
    """Note that the export is about to be replaced. A kill from here on leaves an export whole, the old or the new."""
    (workspace.root / _FILE).unlink(missing_ok=True)


def published_ids(workspace: Workspace, last: LastExport | None) -> tuple[str, ...] | None:
    """The samples of the last export: as remembered, else as its shards say. None when a shard cannot be read."""
    if last is not None:
        return last.ids
    found: list[str] = []
    for shard in sorted((workspace.export / "data").glob("*.parquet")):
        try:
            found += pq.read_table(shard, columns=["id"])["id"].to_pylist()
        except (OSError, pa.ArrowException, UnicodeDecodeError, KeyError):
            return None
    return tuple(sorted(found))
