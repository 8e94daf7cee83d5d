"""Publishes a release to an address of fsspec: the files first, then its manifest, then the pointer to the newest.

    ADDRESS/latest.json     which version is the newest, and the SHA-256 of its manifest; written last
    ADDRESS/VERSION/        the release; it is whole when its manifest.json is there, which is written after all else

A reader who begins at latest.json sees the last release or this one, wherever the publication is killed: a version is
written where nobody looks yet, and latest.json is one object, which stores replace as a whole. On a disk each step is
there before the next one begins, so that the same holds after a power failure.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem
from semver import Version

from curation.release.publish.address import StorageAddress
from curation.release.publish.local import LocalRelease
from curation.release.publish.steps import Steps, Wishes
from curation.release.versions import MANIFEST
from curation.store.files import sync, sync_tree, write_whole
from schemas.documents.publication import Publication
from schemas.errors import ConfigError, NotPublished, V2XumError
from schemas.kit.blame import in_one_line
from schemas.kit.number_of import number_of

LATEST = "latest.json"
_BLOCK = 1 << 20
_LARGEST_LATEST = 1 << 16
_SHOWN = 5
_OF_A_KILL = re.compile(rf"\.{re.escape(MANIFEST)}\.\d+\.\d+")  # what a killed write of the manifest left


class Storage:
    """A folder of a file system of fsspec. Errors of its driver are NotPublished, with the address."""

    def __init__(self, address: StorageAddress) -> None:
        """Open the file system. Raises ConfigError when its driver is not installed or does not take the address."""
        self.shown = address.shown
        try:
            files, root = fsspec.core.url_to_fs(address.url, use_listings_cache=False)
        except ImportError as error:
            raise ConfigError(f"{address.shown}: {error}") from error
        except ValueError as error:
            raise ConfigError(f"{address.shown}: {in_one_line(error)}") from error
        except Exception as error:  # a driver that connects at once raises what it likes
            raise NotPublished(f"{address.shown}: opening it: {in_one_line(error)}") from error
        self._files: Any = files
        self._root = root.rstrip("/")

    def sizes(self, version: str) -> dict[str, int]:
        """The files of a version, by their path in it, with their sizes in bytes; none where it is not there."""
        top = f"{self._root}/{version}"
        with self._told("listing files"):
            self._files.invalidate_cache()
            if not self._files.exists(top):
                return {}
            found = self._files.find(top, detail=True)
            there = {name.removeprefix(top).lstrip("/"): int(about["size"]) for name, about in found.items()}
            return {path: size for path, size in there.items() if not _OF_A_KILL.fullmatch(path)}

    def remove_remains(self, version: str) -> None:
        """Remove what a killed write of the version's manifest left."""
        top = f"{self._root}/{version}"
        with self._told("removing the remains of a killed try"):
            for name in self._files.find(top) if self._files.exists(top) else ():
                if _OF_A_KILL.fullmatch(name.removeprefix(top).lstrip("/")):
                    self._files.rm_file(name)

    def sha256(self, path: str) -> str:
        """The SHA-256 of a file, which is read whole."""
        digest = hashlib.sha256()
        with self._told(f"reading {path} back"), self._files.open(f"{self._root}/{path}", "rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def content(self, path: str, most: int) -> bytes | None:
        """The first `most` bytes of a file; None where there is none."""
        with self._told(f"reading {path}"):
            self._files.invalidate_cache()
            if not self._files.exists(f"{self._root}/{path}"):
                return None
            with self._files.open(f"{self._root}/{path}", "rb") as stream:
                return bytes(stream.read(most))

    def put(self, source: Path, path: str) -> None:
        """Copy a file; a kill leaves a part of it, which the next try finds by its hash."""
        target = f"{self._root}/{path}"
        with self._told(f"writing {path}"):
            self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._files.put_file(str(source), target)

    def put_whole(self, content: bytes, path: str) -> None:
        """Write a small file as a whole: object stores do so, and on a disk it is renamed into its place."""
        target = f"{self._root}/{path}"
        with self._told(f"writing {path}"):
            if isinstance(self._files, LocalFileSystem):
                write_whole(Path(target), content, durable=True)
            else:
                self._files.pipe_file(target, content)

    def settle(self, version: str) -> None:
        """Bring the files of a version to the disk, with all names; other stores have kept what they took."""
        if not isinstance(self._files, LocalFileSystem):
            return
        root = Path(self._root)
        with self._told("bringing files to the disk"):
            sync_tree(root / version)
            for folder in (root, *root.parents):
                with suppress(PermissionError):  # one above what this user made
                    sync(folder)

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except V2XumError:
            raise
        except Exception as error:
            raise NotPublished(
                f"{self.shown}: {doing}: {in_one_line(error)}. Readers see what they saw before; mend the cause, and "
                "the same command goes on from here"
            ) from error


def publish_to_storage(
    address: StorageAddress,
    release: LocalRelease,
    wishes: Wishes,
    steps: Steps,
    check: Callable[[], None] = lambda: None,
) -> Publication:
    """Publish a release to an address of fsspec, or say what would be done (`wishes.dry_run`).

    `check` is called before anything is written, and may raise. Raises ConfigError when the version is there with
    other content, or when access shall be restricted, which is a matter of the store; NotPublished when the store
    fails, or when a published file was changed; and Interrupted.
    """
    if wishes.private or wishes.gated:
        raise ConfigError(
            f"{address.shown}: --private and --gated are for the Hub; here the store decides who may read"
        )
    storage = Storage(address)
    there = storage.sizes(release.version)
    whole = _is_published(storage, release, there)
    _raise_if_strange(storage, release, there)
    lacking = _lacking(storage, release, there, steps)
    if whole and lacking and not wishes.overwrite:
        raise NotPublished(
            f"{storage.shown}/{release.version} is not what it was when it was published: somebody changed or removed "
            f"{_named(lacking)}. `--overwrite` writes them again"
        )
    pointed = _latest(storage)
    is_newest = pointed is None or pointed <= Version.parse(release.version)
    done = whole and not lacking and (pointed == Version.parse(release.version) or not is_newest)
    if not wishes.dry_run and not done:
        if lacking:
            check()
        _write(storage, release, lacking, steps)
        if is_newest:
            storage.put_whole(_pointer(release), LATEST)
            if storage.content(LATEST, _LARGEST_LATEST) != _pointer(release):
                raise NotPublished(f"{storage.shown}/{LATEST} is not what was written; publish again")
    return Publication(
        address=f"{storage.shown}/{release.version}",
        version=release.version,
        state="already" if done else "would" if wishes.dry_run else "published",
        new_repository=pointed is None,
        files=len(release.files),
        bytes=release.bytes,
        sent_files=len(lacking),
        sent_bytes=sum(release.files[path].bytes for path in lacking),
    )


def _is_published(storage: Storage, release: LocalRelease, there: dict[str, int]) -> bool:
    """Whether the version's manifest is there. Raises ConfigError when it is another one."""
    if MANIFEST not in there:
        return False
    if storage.sha256(f"{release.version}/{MANIFEST}") != release.files[MANIFEST].sha256:
        raise ConfigError(
            f"{storage.shown}/{release.version} exists with other content: a published version never changes, so "
            "release a higher version"
        )
    return True


def _raise_if_strange(storage: Storage, release: LocalRelease, there: dict[str, int]) -> None:
    strange = tuple(sorted(there.keys() - release.files.keys()))
    if strange:
        raise ConfigError(
            f"{storage.shown}/{release.version} holds files that are not of this release ({_named(strange)}): remove "
            "them, or choose another address"
        )


def _lacking(storage: Storage, release: LocalRelease, there: dict[str, int], steps: Steps) -> tuple[str, ...]:
    """The files that are not there, or not as they are in the release: each that is there is read."""
    found = []
    for path, file in release.files.items():
        steps.raise_if_stopped()
        if there.get(path) != file.bytes or storage.sha256(f"{release.version}/{path}") != file.sha256:
            found.append(path)
    return tuple(found)


def _write(storage: Storage, release: LocalRelease, lacking: tuple[str, ...], steps: Steps) -> None:
    """Write what lacks, the manifest last, and read all of it back. Raises NotPublished."""
    files = number_of(len(lacking), "file")
    storage.remove_remains(release.version)
    steps.report(f"writing {files} to {storage.shown}/{release.version}, and reading them back")
    for path in sorted(lacking, key=lambda path: (path == MANIFEST, path)):
        steps.raise_if_stopped()
        if path == MANIFEST:
            storage.settle(release.version)
            storage.put_whole((release.folder / path).read_bytes(), f"{release.version}/{path}")
        else:
            storage.put(release.folder / path, f"{release.version}/{path}")
        if storage.sha256(f"{release.version}/{path}") != release.files[path].sha256:
            raise NotPublished(
                f"{storage.shown}/{release.version}/{path} comes back with other bytes than were written; publish again"
            )
    if MANIFEST not in lacking:
        storage.settle(release.version)


def _latest(storage: Storage) -> Version | None:
    """The version that latest.json names; None where there is none. Raises ConfigError for a file that is not ours."""
    content = storage.content(LATEST, _LARGEST_LATEST)
    if content is None:
        return None
    try:
        return Version.parse(json.loads(content)["version"])
    except (ValueError, TypeError, LookupError) as error:
        raise ConfigError(f"{storage.shown}/{LATEST} is not ours: remove it, or choose another address") from error


def _pointer(release: LocalRelease) -> bytes:
    fields = {
        "version": release.version,
        "manifest": f"{release.version}/{MANIFEST}",
        "manifest_sha256": release.files[MANIFEST].sha256,
    }
    return (json.dumps(fields, indent=2) + "\n").encode()


def _named(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more
