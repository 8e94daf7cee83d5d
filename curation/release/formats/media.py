"""Fills a folder with the videos of a release under the names that the formats use; it is no part of the release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from curation.download.record import extension_of
from curation.release.formats.items import media_name
from curation.release.versions import raise_if_in_a_release
from curation.store.files import copy_file
from curation.store.store import Store
from curation.workspace import Workspace
from schemas.errors import ConfigError, NotStored, StorageFull, is_storage_full


class Filled(NamedTuple):
    """How many videos a folder holds, how many of them were there before, and why others are missing, in words."""

    held: int
    before: int
    missing: list[str]


class VideoFiles:
    """The videos of a release: in a folder that `fill_media` filled, or in the store of the workspace it lies in."""

    def __init__(self, release: Path, folder: Path | None = None) -> None:
        """Look in `folder`, or else in the workspace. Raises ConfigError for a folder that is none."""
        if folder is not None and not folder.is_dir():
            raise ConfigError(f"{folder}: no folder with videos: `v2xum media` fills one")
        place = Workspace(release.resolve().parent.parent).find() if folder is None else None
        self._folder, self._store = folder, None if place is None else place.store()

    def find(self, name: str, sha256: str) -> Path | None:
        """The file of a video, by its name (`media_name`) or SHA-256; None where it is not at hand. It is not read."""
        if self._folder is not None:
            path = self._folder / name
        elif self._store is not None:
            path = self._store.path("videos", sha256, name.rpartition(".")[2])
        else:
            return None
        return path if path.is_file() else None


def fill_media(store: Store, release: Path, folder: Path) -> Filled:
    """Copy the videos of a release from a store into `folder`, each checked by its SHA-256 in the store.

    File systems that can clone take no space for it. A file that is there with its size stays. Raises ConfigError for
    one of that name that is another file (nothing is overwritten), and for a release that cannot be read; StorageFull.
    """
    raise_if_in_a_release(folder, release)
    held, before, missing = 0, 0, list[str]()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, file in _files(release):
            path = folder / media_name(name, file["container"], file["codec"])
            if path.is_symlink() or (path.exists() and path.stat().st_size != file["bytes"]):
                raise ConfigError(f"{path} is another file than the video {name}: choose an empty folder")
            if path.exists():
                held, before = held + 1, before + 1
                continue
            try:
                extension = extension_of(file["container"], file["codec"])
                _copy(store.take("videos", file["sha256"], extension, file["bytes"]), path)
            except NotStored as error:
                missing.append(f"{name}: {error}")
                continue
            held += 1
    except ValueError as error:
        raise ConfigError(f"{release}: {error}; `v2xum check` says what is damaged") from error
    except OSError as error:
        if is_storage_full(error):
            raise StorageFull(f"no space left for the videos in {folder}") from error
        raise ConfigError(f"{folder}: the videos cannot be put there: {error.strerror}") from error
    return Filled(held, before, missing)


def _copy(stored: Path, path: Path) -> None:
    partial = path.with_name(f".{path.name}.part")
    partial.unlink(missing_ok=True)  # a killed try left it
    try:
        copy_file(stored, partial)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def _files(release: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((release / "full").glob("*.parquet")):
        try:
            for batch in pq.ParquetFile(path).iter_batches(columns=["id", "file"]):
                for row in batch.to_pylist():
                    yield row["id"], row["file"]
        except (pa.ArrowException, UnicodeDecodeError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: cannot be read: `v2xum check {release}` says what is damaged") from error
