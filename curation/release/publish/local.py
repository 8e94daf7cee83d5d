"""The release that is published: its files with their hashes, checked before a byte is sent."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from curation.dataset.check import check_export
from curation.release.versions import MANIFEST, find_release
from curation.store.files import hash_file
from curation.workspace import Workspace
from schemas.errors import ConfigError, ReleaseRefused
from schemas.manifest import ExportedFile
from schemas.release import ReleaseManifest

_SHOWN = 5
_NOT_TAKEN = frozenset({".git", ".cache", ".gitattributes", ".gitignore"})  # by the Hub, or they change what it takes
_LARGEST_FILE, _MOST_IN_A_FOLDER, _LONGEST_PATH = 50 * 10**9, 10_000, 255


class LocalRelease(NamedTuple):
    """A release on disk. `files` are all its files by path, also its manifest."""

    version: str
    folder: Path
    manifest: ReleaseManifest
    files: dict[str, ExportedFile]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files.values())

    def git_oid(self, path: str) -> str:
        """The git object of a file, by which the Hub names files that it keeps in git. The file is read whole."""
        content = (self.folder / path).read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def local_release(place: Workspace, version: str) -> LocalRelease:
    """The release `version` of a workspace, when it is whole: every file by its hash, every row by the schema.

    Raises ConfigError when there is none, or when the Hub does not take its names; ReleaseRefused when it is damaged.
    """
    folder = find_release(place, version)
    problems = check_export(folder).problems
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ReleaseRefused(
            f"{folder} is not the release that was made, and nothing was sent: {'; '.join(problems[:_SHOWN])}{more}. "
            "Copy it again from where it is whole, or release a higher version"
        )
    try:
        manifest = ReleaseManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except ValidationError as error:
        raise ReleaseRefused(
            f"{folder / MANIFEST} was made by another version of v2xum, which must publish it: "
            f"{error.error_count()} of its fields differ"
        ) from error
    if manifest.version != folder.name:
        raise ReleaseRefused(f"{folder / MANIFEST} says that it is {manifest.version}: the folder was renamed")
    sha256, size = hash_file(folder / MANIFEST)
    own = ExportedFile(path=MANIFEST, sha256=sha256, bytes=size)
    files = {file.path: file for file in sorted((*manifest.files, own), key=lambda file: file.path)}
    _raise_if_not_taken(files)
    return LocalRelease(manifest.version, folder, manifest, files)


def _raise_if_not_taken(files: dict[str, ExportedFile]) -> None:
    """Raise ConfigError for names and sizes that the Hub refuses."""
    folders: dict[str, int] = {}
    for path, file in files.items():
        if _NOT_TAKEN & set(path.split("/")):
            raise ConfigError(f"{path}: a release with a file of this name cannot be published")
        if len(path) > _LONGEST_PATH or file.bytes > _LARGEST_FILE:
            raise ConfigError(f"{path}: its path has more than {_LONGEST_PATH} letters, or it has more than 50 GB")
        parent = path.rpartition("/")[0]
        folders[parent] = folders.get(parent, 0) + 1
    for parent, count in folders.items():
        if count > _MOST_IN_A_FOLDER:
            raise ConfigError(f"{parent}: {count} files; the Hub takes at most {_MOST_IN_A_FOLDER} in a folder")
