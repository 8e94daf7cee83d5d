"""Faults planted into copies of a release: its files are written anew, and the manifest says what they then hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.store.files import hash_file


def copied(release: Path, target: Path) -> Path:
    """A copy whose files can be changed."""
    shutil.copytree(release, target)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def rewrite(folder: Path, path: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a Parquet file, and let the manifest agree with it."""
    table = change(pq.read_table(folder / path))
    pq.write_table(table, folder / path, write_page_checksum=True)
    state(folder, path)


def state(folder: Path, path: str, **entry: Any) -> None:
    """Let the manifest state the file as it is now; `entry` replaces what it states."""
    document = json.loads((folder / "manifest.json").read_bytes())
    (listed,) = (file for file in document["files"] if file["path"] == path)
    listed["sha256"], listed["bytes"] = hash_file(folder / path)
    listed |= entry
    (folder / "manifest.json").write_text(json.dumps(document))


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """The table with another column in the place of `name`."""
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), values)


def raw_texts(texts: list[bytes]) -> pa.Array:
    """Texts of any bytes: Arrow does not look whether they are UTF-8."""
    data = pa.array(texts, pa.binary())
    return pa.StringArray.from_buffers(len(texts), data.buffers()[1], data.buffers()[2])
