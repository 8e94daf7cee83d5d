"""The consumer's check of an export: every file against the manifest, every row against the schema."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from pydantic import ValidationError

from curation.dataset.write import MANIFEST
from curation.store.files import hash_file
from schemas.arrow import arrow_schema
from schemas.errors import GrammarError
from schemas.manifest import ExportedFile, Manifest
from schemas.temporal import parse_seconds, parse_stored

_BATCH_ROWS = 32


def validate(out: Path) -> list[str]:
    """Read the export in `out` again and return its faults in words; an empty list means that it is sound.

    Checked: the manifest itself; presence, size, SHA-256 and rows of every file, and files that it does not
    name; page checksums, Arrow schema and features of every shard; and of every row its split, its temporal
    texts, the one-hot vector against the keyframes, pictures against their SHA-256, and that no file's content
    stands in two splits. Memory: two short strings a row, and 32 rows.
    """
    try:
        manifest = Manifest.model_validate_json((out / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        return [f"{MANIFEST} cannot be read: {error}"]
    problems = list(_stray_files(out, manifest))
    rows: Counter[str] = Counter()
    owners: dict[str, str] = {}
    for file in manifest.files:
        found = _file_problems(out / file.path, file)
        if not found and file.path.endswith(".parquet"):
            found = list(_shard_problems(out / file.path, file, manifest.images, rows, owners))
        elif not found and file.path.startswith("json/"):
            found = _json_problems(out / file.path, file)
        problems += [f"{file.path}: {problem}" for problem in found]
    stated = {item.split: item.rows for item in manifest.splits}
    if not problems and dict(rows) != stated:
        problems.append(f"{MANIFEST}: rows by split are {dict(rows)}, stated are {stated}")
    if not problems and rows.total() != manifest.samples:
        problems.append(f"{MANIFEST}: {rows.total()} rows, {manifest.samples} samples stated")
    return problems


def _stray_files(out: Path, manifest: Manifest) -> Iterator[str]:
    known = {MANIFEST, *(file.path for file in manifest.files)}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if not path.is_dir() and name not in known:
            yield f"{name}: not named in {MANIFEST}"


def _file_problems(path: Path, file: ExportedFile) -> list[str]:
    try:
        sha256, size = hash_file(path)
    except OSError as error:
        return [f"cannot be read: {error.strerror}"]
    if (sha256, size) == (file.sha256, file.bytes):
        return []
    return [f"SHA-256 {sha256[:12]}, {size} bytes; stated are {file.sha256[:12]}, {file.bytes} bytes"]


def _json_problems(path: Path, file: ExportedFile) -> list[str]:
    try:
        count = len(json.loads(path.read_bytes()))
    except ValueError as error:
        return [f"not JSON: {error}"]
    return [] if count == file.rows else [f"{count} rows, stated are {file.rows}"]


def _shard_problems(
    path: Path, file: ExportedFile, images: bool, rows: Counter[str], owners: dict[str, str]
) -> Iterator[str]:
    split = path.name.partition("-")[0]
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as shard:
            found, stated = shard.schema_arrow, arrow_schema()
            if not found.equals(stated) or found.metadata != stated.metadata:
                yield "its columns or features are not those of this schema version"
                return
            if shard.metadata.num_rows != file.rows:
                yield f"{shard.metadata.num_rows} rows, stated are {file.rows}"
            rows[split] += shard.metadata.num_rows
            for batch in shard.iter_batches(batch_size=_BATCH_ROWS):
                for row in batch.to_pylist():
                    yield from (f"{row['id']}: {problem}" for problem in _row_problems(row, split, images, owners))
    except (OSError, pa.ArrowException) as error:
        yield f"cannot be read: {error}"


def _row_problems(row: dict[str, Any], split: str, images: bool, owners: dict[str, str]) -> Iterator[str]:
    if row["split"] != split:
        yield f"says split {row['split']}"
    content = row["video"]["sha256"]
    if owners.setdefault(f"id {row['id']}", content) != content:
        yield "its id stands for another video too"
    if owners.setdefault(content, split) != split:
        yield "its video's content stands in another split too"
    seconds = [keyframe["time"] for keyframe in row["keyframes"]]
    indices = {keyframe["index"] for keyframe in row["keyframes"]}
    onehot = [int(index in indices) for index in range(row["meta"]["sampled_frames"])]
    if row["vsum_onehot"] != onehot or row["summary"]["v2v"] != seconds:
        yield "vsum_onehot, v2v and keyframes differ"
    token = {entry["placeholder"]: entry["seconds"] for entry in row["meta"]["token"]}
    try:
        sentences = parse_seconds(row["summary"]["v2vt_seconds"])
        if sentences != parse_stored(row["conversations"][1]["value"], token):
            yield "the conversation and the summary differ"
    except GrammarError as error:
        yield f"its temporal text does not parse: {error}"
    for keyframe in row["keyframes"] if images else ():
        if problem := _picture_problem(keyframe):
            yield f"keyframe {keyframe['index']}: {problem}"


def _picture_problem(keyframe: dict[str, Any]) -> str | None:
    data = (keyframe["image"] or {}).get("bytes")
    if data is None:
        return "no picture"
    if hashlib.sha256(data).hexdigest() != keyframe["sha256"]:
        return "the picture is another one than its SHA-256 says"
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.verify()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"the picture cannot be opened: {error}"
    return None
