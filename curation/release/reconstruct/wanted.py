"""Reads from a release what somebody needs to make its videos again: addresses, hashes, times of frames.

A release may come from anybody. Its Parquet files are read only when their SHA-256 are those of the manifest; ids and
addresses are checked before they are used. Memory holds one batch of rows, and the frames of one video.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from curation.sources.interpret import interpret
from curation.store.files import hash_file
from schemas.arrow import SAFETY
from schemas.configuration.config import FrameConfig
from schemas.errors import ConfigError, StageError
from schemas.manifest import ExportedFile
from schemas.records import Origin, Source
from schemas.release import ReleaseManifest
from schemas.safe_text import plain, public_url

FULL, FRAMES = "full", "frames"
_COLUMNS = ("id", "split", "source", "publication", "file", "meta", "sampling_fps", "keyframes")
_FRAME_COLUMNS = ("id", "index", "time", "image_sha256", "phash")
_SPLITS = ("train", "validation", "test")
_PHASH = re.compile(r"[0-9a-f]{16}")
_BATCH = 64
MOST_FRAMES = 100_000  # of a video; a day at one frame a second


class ListedFrame(NamedTuple):
    """A sampled frame of a release: seconds from the first one, SHA-256 of its JPEG, perceptual hash if it is known."""

    number: int
    time: float
    sha256: str
    phash: str | None


class Place(NamedTuple):
    """Where a row stands: its file, and its number in the file."""

    path: str
    row: int


class Wanted(NamedTuple):
    """A row of a release: a video to fetch, and what it must be.

    `source` is None where the row names no address that can be fetched; `reason` and `evidence` say why. `frames` are
    all sampled frames in order of time, or the keyframes where the release lists no others; `keyframes` their indices.
    """

    id: str
    split: str
    place: Place
    address: str | None
    source: Source | None
    sha256: str
    bytes: int
    duration: float | None
    fps: float
    frames: tuple[ListedFrame, ...]
    keyframes: tuple[int, ...]
    reason: str = ""
    evidence: str = ""

    def digest(self) -> str:
        """A hash of everything here: another release with the same row wants the same."""
        parts = [self.id, self.split, self.address, self.sha256, self.fps, self.frames, self.keyframes]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Unusable(NamedTuple):
    """A row that cannot be used, and why; `id` is as it stands there."""

    id: str
    split: str
    reason: str
    evidence: str


def raise_if_changed(
    folder: Path, manifest: ReleaseManifest, raise_if_stopped: Callable[[], None] = lambda: None
) -> None:
    """Raise ConfigError when a file that is read here is missing or is not the one that the manifest names.

    Links are followed, as the cache of the Hub's library has them: what they lead to must have the stated SHA-256.
    """
    files = _files(manifest, FULL)
    if not files:
        raise ConfigError(f"{folder}: this release has no configuration `{FULL}`, so nothing is known of its videos")
    for file in (*files, *_files(manifest, FRAMES)):
        raise_if_stopped()
        path = folder / file.path
        try:
            found = hash_file(path) if path.is_file() else None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        if found != (file.sha256, file.bytes):
            what = "missing" if found is None else "not the file that manifest.json names"
            raise ConfigError(f"{path}: {what}. `v2xum check {folder}` says more; copy the release again")


def listed_rows(folder: Path, manifest: ReleaseManifest) -> list[tuple[str, str]]:
    """The id and the split of every row, in the order of the release. Raises ConfigError for files without them."""
    rows: list[tuple[str, str]] = []
    for file in _files(manifest, FULL):
        with _Opened(folder, file) as shard:
            for batch in shard.iter_batches(4096, columns=["id"]):
                rows += [(str(key), _split(file)) for key in batch.column("id").to_pylist()]
    return rows


def wanted_rows(folder: Path, manifest: ReleaseManifest) -> Iterator[Wanted | Unusable]:
    """What is wanted of every row, in the order of the release.

    Raises ConfigError for files whose columns are not those of a release.
    """
    seen: set[str] = set()
    for split in dict.fromkeys(_split(file) for file in _files(manifest, FULL)):
        frames = _Frames(folder, [file for file in _files(manifest, FRAMES) if _split(file) == split])
        for file in _files(manifest, FULL):
            if _split(file) != split:
                continue
            for number, row in enumerate(_rows(folder, file)):
                made = _wanted(row, split, Place(file.path, number), frames)
                if isinstance(made, Wanted) and made.id in seen:
                    made = Unusable(made.id, split, "duplicate_id", "another row has this id")
                seen.add(made.id)
                yield made


def keyframe_pictures(folder: Path, place: Place) -> dict[int, bytes]:
    """The JPEG of each keyframe of a row, by its index; those that the release holds and does not blur.

    Raises ValueError and its kin, TypeError, AttributeError and LookupError for columns or pages that are not those of
    a release.
    """
    with pq.ParquetFile(folder / place.path, page_checksum_verification=True) as shard:
        first = 0
        for group in range(shard.metadata.num_row_groups):
            count = shard.metadata.row_group(group).num_rows
            if place.row < first + count:
                names = [name for name in ("keyframes", SAFETY) if name in shard.schema_arrow.names]
                row = shard.read_row_group(group, columns=names).slice(place.row - first, 1).to_pylist()[0]
                keyframes, blurred = row["keyframes"] or [], (row.get(SAFETY) or {}).get("blurred") or ()
                return {
                    each["index"]: each["image"]["bytes"]
                    for each in keyframes
                    if each.get("image") and each["image"].get("bytes") and each["index"] not in blurred
                }
            first += count
    return {}


class _Frames:
    """The rows of `frames` of one split, video after video in the order of the other configurations."""

    def __init__(self, folder: Path, files: Sequence[ExportedFile]) -> None:
        self._rows = self._all(folder, files)
        self._next = next(self._rows, None)

    def of(self, name: str) -> list[dict[str, Any]]:
        """The frames of the next video, if it is this one."""
        found: list[dict[str, Any]] = []
        while self._next is not None and self._next["id"] == name:
            if len(found) >= MOST_FRAMES:
                raise ValueError(f"more than {MOST_FRAMES} frames")
            found.append(self._next)
            self._next = next(self._rows, None)
        return found

    @staticmethod
    def _all(folder: Path, files: Sequence[ExportedFile]) -> Iterator[dict[str, Any]]:
        for file in files:
            with _Opened(folder, file) as shard:
                there = [name for name in _FRAME_COLUMNS if name in shard.schema_arrow.names]
                for batch in shard.iter_batches(4096, columns=there):
                    yield from batch.to_pylist()


def _wanted(row: Mapping[str, Any], split: str, place: Place, frames: _Frames) -> Wanted | Unusable:
    name = row["id"]
    try:
        listed = [
            ListedFrame(int(each["index"]), float(each["time"]), str(each["image_sha256"]), each.get("phash"))
            for each in frames.of(name)
        ]
        keyframes = [
            ListedFrame(int(each["index"]), float(each["time"]), str(each["sha256"]), None)
            for each in row["keyframes"] or ()
        ]
        address = row["source"]["uri"] if row["source"]["kind"] != "file" else None
        address = public_url(address or row["publication"]["webpage_url"] or "")
        source, reason, evidence = _source(name, address)
        return Wanted(
            id=source.id if source is not None else _checked_id(name),
            split=split,
            place=place,
            address=address,
            source=source,
            sha256=str(row["file"]["sha256"]),
            bytes=int(row["file"]["bytes"]),
            duration=row["meta"]["duration"],
            fps=_rate(row["sampling_fps"]),
            frames=tuple(_ascending(listed or keyframes)),
            keyframes=tuple(frame.number for frame in keyframes),
            reason=reason,
            evidence=evidence,
        )
    except ValidationError as error:
        if error.title == FrameConfig.__name__:
            return Unusable(plain(str(name), 80), split, "bad_row", "its sampling rate is none")
        return Unusable(plain(str(name), 80), split, "bad_id", "ids are 1 to 64 letters, digits, `-` and `_`")
    except (AttributeError, TypeError, KeyError, ValueError, OverflowError) as error:
        return Unusable(plain(str(name), 80), split, "bad_row", plain(f"{type(error).__name__}: {error}"))


def _source(name: str, address: str | None) -> tuple[Source | None, str, str]:
    """The source of an address, or why there is none. Raises ValidationError for a bad id."""
    if address is None:
        return None, "no_address", "the release names no web address of this video"
    try:
        place = interpret(address, None)
    except StageError as error:
        return None, error.reason, error.evidence
    source = Source(id=name, kind=place.kind, uri=place.uri, origin=Origin(list_name="release", row=0))
    return source, "", ""


def _rate(value: float) -> float:
    """The sampling rate. Raises ValueError for one that no configuration may have."""
    return float(FrameConfig(fps=value).fps)


def _checked_id(name: str) -> str:
    """The id, if paths may hold it. Raises ValidationError."""
    return Source(id=name, kind="file", uri="", origin=Origin(list_name="release", row=0)).id


def _ascending(frames: list[ListedFrame]) -> list[ListedFrame]:
    """The frames, whose indices must ascend and whose times must be those of a sampling. Raises ValueError."""
    for one, other in pairwise(frames):
        if not one.number < other.number or not one.time <= other.time:
            raise ValueError("its frames are not in the order of time")
    for frame in frames:
        if not 0 <= frame.number < MOST_FRAMES:
            raise ValueError(f"frame {frame.number}")
        if frame.phash is not None and not _PHASH.fullmatch(frame.phash):
            raise ValueError(f"frame {frame.number}: not a perceptual hash")
    return frames


def _rows(folder: Path, file: ExportedFile) -> Iterator[dict[str, Any]]:
    """The rows of a file of `full` without pictures."""
    with _Opened(folder, file) as shard:
        leaves = [shard.schema.column(number).path for number in range(len(shard.schema))]
        wanted = [leaf for leaf in leaves if leaf.split(".")[0] in _COLUMNS and ".image." not in leaf]
        if missing := set(_COLUMNS) - {leaf.split(".")[0] for leaf in wanted}:
            raise ConfigError(f"{folder / file.path}: no column {min(missing)}: not a release of this project")
        for batch in shard.iter_batches(_BATCH, columns=wanted):
            yield from batch.to_pylist()


class _Opened:
    """A Parquet file of the release, read with checksums; what pyarrow raises becomes ConfigError."""

    def __init__(self, folder: Path, file: ExportedFile) -> None:
        self._path = folder / file.path

    def __enter__(self) -> pq.ParquetFile:
        try:
            self._shard = pq.ParquetFile(self._path, page_checksum_verification=True)
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise self._unreadable(error) from error
        return self._shard

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._shard.close()
        if isinstance(error, OSError | pa.ArrowException | UnicodeDecodeError):
            raise self._unreadable(error) from error

    def _unreadable(self, error: BaseException) -> ConfigError:
        return ConfigError(f"{self._path}: cannot be read as Parquet: {plain(str(error))}")


def _files(manifest: ReleaseManifest, configuration: str) -> list[ExportedFile]:
    """The files of a configuration, split by split, in order."""
    files = [
        file
        for file in manifest.files
        if file.path.startswith(f"{configuration}/") and file.path.endswith(".parquet") and file.path.count("/") == 1
    ]
    return sorted(files, key=lambda file: (_order(_split(file)), file.path))


def _order(split: str) -> tuple[int, str]:
    return (_SPLITS.index(split) if split in _SPLITS else len(_SPLITS), split)


def _split(file: ExportedFile) -> str:
    return file.path.rpartition("/")[2].partition("-")[0]
