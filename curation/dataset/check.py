"""The consumer's check of an export or a release: every file against the manifest, every row against the schema."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from pydantic import BaseModel, ValidationError

from curation.dataset.layout import MANIFEST
from curation.frames.safety.blur import Blur, of_all_pictures
from curation.store.files import hash_file
from curation.store.folder_swap import names
from schemas.arrow import SAFETY, SCHEMA_VERSION, Columns, arrow_schema
from schemas.configuration.safety_config import BlurConfig
from schemas.errors import GrammarError
from schemas.kit.blame import in_one_line
from schemas.kit.picture_errors import PICTURE_ERRORS, PICTURE_FORMATS
from schemas.manifest import ExportedFile, Manifest
from schemas.parts.safety import Safety
from schemas.release import ReleaseManifest
from schemas.temporal import parse_seconds, parse_stored

_BATCH_ROWS = 32
_LARGEST_MANIFEST = 256 * 2**20  # bytes


class _Listed(BaseModel):
    """The part of a manifest that all schema versions share."""

    schema_version: int
    samples: int
    files: tuple[ExportedFile, ...]
    version: str | None = None  # releases have one


class Checked(NamedTuple):
    """What a check found: faults in words, samples (None: the manifest is unreadable), files, and the version."""

    problems: list[str]
    samples: int | None = None
    files: int = 0
    schema_version: int | None = None

    @property
    def rows_were_read(self) -> bool:
        """Whether the rows were read too: rows of another schema version are checked by their files' hashes alone."""
        return self.schema_version == SCHEMA_VERSION


def check_export(out: Path) -> Checked:
    """Read the export or the release in `out` again: a folder that nobody needs to trust.

    Checked: the manifest itself; presence, size, SHA-256 and rows of every file, and files that it does not
    name; page checksums, Arrow schema and features of every shard; and of every row its split, its temporal
    texts, the one-hot vector against the keyframes, pictures against their SHA-256 or the policy that blurs them, and
    that no file's content stands in two splits. Memory: two short strings a row, and 32 rows.
    """
    listed, problems = _listed(out)
    if listed is None:
        return Checked(problems)
    found = Checked(problems, listed.samples, len(listed.files), listed.schema_version)
    damaged = _damaged(out, listed)
    problems += _stray_files(out, listed)
    problems += [f"{path}: {problem}" for path, problem in damaged.items()]
    if not found.rows_were_read:
        return found
    try:
        manifest = _manifest((out / MANIFEST).read_bytes(), listed)
    except ValidationError as error:
        problems.append(f"{MANIFEST}: not a manifest of schema version {SCHEMA_VERSION}: {_first(error)}")
        return found
    rows: Counter[str] = Counter()
    owners: dict[str, str] = {}
    optional: set[Columns] = set()
    for file in manifest.files:
        of_file: list[str] = []
        if file.path not in damaged and file.path.endswith(".parquet") and _has_whole_rows(file, listed):
            of_file = list(_shard_problems(out / file.path, file, manifest, rows, owners, optional))
        elif file.path not in damaged and file.path.startswith("json/"):
            of_file = _json_problems(out / file.path, file)
        problems += [f"{file.path}: {problem}" for problem in of_file]
    stated = {item.split: item.rows for item in manifest.splits}
    if not problems and dict(rows) != stated:
        problems.append(f"{MANIFEST}: rows by split are {dict(rows)}, stated are {stated}")
    if not problems and rows.total() != manifest.samples:
        problems.append(f"{MANIFEST}: {rows.total()} rows, {manifest.samples} samples stated")
    return found


def validate(out: Path) -> list[str]:
    """The faults of the export in `out` in words, as `check_export` finds them; an empty list means that it is sound.

    An export of another schema version is a fault here.
    """
    found = check_export(out)
    if found.schema_version is not None and not found.rows_were_read:
        return [*found.problems, f"{MANIFEST}: schema version {found.schema_version}; this one is {SCHEMA_VERSION}"]
    return found.problems


def damage(out: Path, manifest_sha256: str | None = None) -> list[str]:
    """Files of the export in `out` that are missing, changed or not named in its manifest, in words.

    Everything is read once, and no row is looked into. With `manifest_sha256` the manifest must have this hash.
    """
    listed, problems = _listed(out)
    if listed is None:
        return problems
    if manifest_sha256 is not None and hash_file(out / MANIFEST)[0] != manifest_sha256:
        problems.append(f"{MANIFEST}: not the one that was written")
    problems += [f"{path}: {problem}" for path, problem in _damaged(out, listed).items()]
    return [*problems, *_stray_files(out, listed)]


def _listed(out: Path) -> tuple[_Listed | None, list[str]]:
    """The list of files in the manifest; None and the reason where it cannot be read."""
    path = out / MANIFEST
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST_MANIFEST:
            return None, [f"{MANIFEST}: a link, or larger than any manifest"]
        return _Listed.model_validate_json(path.read_bytes()), []
    except FileNotFoundError:
        return None, [f"{MANIFEST}: missing"]
    except OSError as error:
        return None, [f"{MANIFEST}: cannot be read: {error.strerror}"]
    except ValidationError as error:
        return None, [f"{MANIFEST}: damaged: {_first(error)}"]


def _manifest(text: bytes, listed: _Listed) -> Manifest:
    kind = Manifest if listed.version is None else ReleaseManifest
    return kind.model_validate_json(text)


def _has_whole_rows(file: ExportedFile, listed: _Listed) -> bool:
    """Whether a Parquet file has rows of schemas.arrow: all files of an export, one configuration of a release."""
    return listed.version is None or file.path.startswith("full/")


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"


def _damaged(out: Path, listed: _Listed) -> dict[str, str]:
    found = {file.path: file_problem(out, file) for file in listed.files}
    return {path: problem for path, problem in found.items() if problem is not None}


def _stray_files(out: Path, listed: _Listed) -> Iterator[str]:
    known = {MANIFEST, *(file.path for file in listed.files)}
    for name in names(out):
        if name not in known:
            yield f"{name}: not named in {MANIFEST}"


def file_problem(out: Path, file: ExportedFile) -> str | None:
    """What is wrong with a file of the dataset in `out`, by its size and SHA-256, in words; None for a sound one."""
    path = out / file.path
    if path.is_symlink() or not path.resolve().is_relative_to(out.resolve()):
        return "a link"  # a copy may come from anybody: nothing outside its folder is read
    try:
        sha256, size = hash_file(path)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if (sha256, size) == (file.sha256, file.bytes):
        return None
    return f"damaged: SHA-256 {sha256[:12]}, {size} bytes; stated are {file.sha256[:12]}, {file.bytes} bytes"


def _json_problems(path: Path, file: ExportedFile) -> list[str]:
    try:
        count = len(json.loads(path.read_bytes()))
    except (ValueError, TypeError, RecursionError) as error:
        return [f"not a JSON array: {error}"]
    return [] if count == file.rows else [f"{count} rows, stated are {file.rows}"]


def _shard_problems(
    path: Path,
    file: ExportedFile,
    manifest: Manifest,
    rows: Counter[str],
    owners: dict[str, str],
    optional: set[Columns],
) -> Iterator[str]:
    """The faults of a shard. `rows`, `owners` and `optional` (the columns that not every run has) are of all."""
    split = path.name.partition("-")[0]
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as shard:
            found = shard.schema_arrow
            optional.add(columns := Columns.among(found.names))
            if len(optional) > 1:
                yield "it has optional columns and other shards have none, or the other way round"
                return
            stated = arrow_schema(columns)
            if not found.equals(stated) or found.metadata != stated.metadata:
                yield "its columns or features are not those of this schema version"
                return
            if shard.metadata.num_rows != file.rows:
                yield f"{shard.metadata.num_rows} rows, stated are {file.rows}"
            rows[split] += shard.metadata.num_rows
            for batch in shard.iter_batches(batch_size=_BATCH_ROWS):
                for row in batch.to_pylist():
                    yield from (f"{row['id']}: {problem}" for problem in _row_problems(row, split, manifest, owners))
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        yield f"cannot be read: {error}"
    except (TypeError, LookupError, ValueError, AttributeError) as error:
        yield f"a row lacks what every row has: {in_one_line(error, 160)}"


def _row_problems(row: dict[str, Any], split: str, manifest: Manifest, owners: dict[str, str]) -> Iterator[str]:
    if row["split"] != split:
        yield f"says split {row['split']}"
    content = row["file"]["sha256"]
    if owners.setdefault(f"id {row['id']}", content) != content:
        yield "its id stands for another video too"
    if owners.setdefault(content, split) != split:
        yield "its video's content stands in another split too"
    seconds = [keyframe["time"] for keyframe in row["keyframes"]]
    indices = {keyframe["index"] for keyframe in row["keyframes"]}
    onehot = [int(index in indices) for index in range(len(row["vsum_onehot"]))]
    whole = len(onehot) == row["meta"]["sampled_frames"] and row["vsum_onehot"] == onehot
    if not whole or row["summary"]["v2v"] != seconds:
        yield "vsum_onehot, v2v and keyframes differ"
    token = {entry["placeholder"]: entry["seconds"] for entry in row["meta"]["token"]}
    try:
        sentences = parse_seconds(row["summary"]["v2vt_seconds"])
        if sentences != parse_stored(row["conversations"][1]["value"], token):
            yield "the conversation and the summary differ"
    except GrammarError as error:
        yield f"its temporal text does not parse: {error}"
    if not manifest.images:
        return
    blurred, told = _blurred(row, manifest), set((row.get(SAFETY) or {}).get("blurred", ()))
    if blurred != told:
        what = f"names {sorted(told)}, and by scores and policy it is {sorted(blurred)}"
        yield f"{SAFETY}.blurred {what}"
    for keyframe in row["keyframes"]:
        if problem := _picture_problem(keyframe, blurred=keyframe["index"] in blurred):
            yield f"keyframe {keyframe['index']}: {problem}"


def _blurred(row: dict[str, Any], manifest: Manifest) -> set[int]:
    """The keyframes whose pictures are blurred, by the row's scores and the policy that the manifest states."""
    if manifest.blur is None:
        return set()
    found = row.get(SAFETY)
    scores = None if found is None else Safety.model_validate({k: v for k, v in found.items() if k != "blurred"})
    blur = Blur(scores, of_all_pictures(BlurConfig(**manifest.blur.model_dump())))
    return {each["index"] for each in row["keyframes"] if blur.touches(each["index"])}


def _picture_problem(keyframe: dict[str, Any], *, blurred: bool) -> str | None:
    data = (keyframe["image"] or {}).get("bytes")
    if data is None:
        return "no picture"
    unlike = hashlib.sha256(data).hexdigest() != keyframe["sha256"]
    if unlike and not blurred:
        return "the picture is another one than its SHA-256 says"
    if blurred and not unlike:
        return "the policy blurs this picture, and it is clear"
    try:
        with Image.open(io.BytesIO(data), formats=PICTURE_FORMATS) as picture:
            picture.verify()
    except PICTURE_ERRORS as error:
        return f"the picture cannot be opened: {error}"
    return None
