"""The store of big files: each is addressed by its content, written under another name and renamed into place.

    WORKSPACE/store/videos/ab/<sha256>.mp4
    WORKSPACE/store/frames/ab/<key>/000012.jpg     key = hash of video and sampling settings
    WORKSPACE/store/subtitles/ab/<sha256>.vtt
    WORKSPACE/store/partial/<hash>/                unfinished downloads; removed when untouched for two weeks
    WORKSPACE/store/scratch/                       temporary files; removed when a run starts

A path is made of hashes and checked extensions only, never of a title or a file name from outside.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from curation.store import unfinished
from curation.store.files import hash_file

Kind = Literal["videos", "subtitles"]
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
_HASH = re.compile(r"[0-9a-f]{64}")


class Stored(NamedTuple):
    """A file in the store."""

    sha256: str
    bytes: int
    path: Path


class Store:
    """The content-addressed files under one folder."""

    def __init__(self, root: Path) -> None:
        """Use the folder `root`; it is created when it does not exist."""
        self.root = root
        (root / "scratch").mkdir(parents=True, exist_ok=True)

    def clean(self) -> None:
        """Remove the temporary files of interrupted runs, and downloads that were not resumed for two weeks.

        Only the holder of the workspace's lock may call it.
        """
        shutil.rmtree(self.root / "scratch", ignore_errors=True)
        (self.root / "scratch").mkdir(parents=True, exist_ok=True)
        unfinished.forget_old(self.root / "partial")

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new, empty folder on the store's file system; it is removed at the end of the `with` block."""
        folder = Path(tempfile.mkdtemp(dir=self.root / "scratch"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def partial(self, name: str) -> Path:
        """The folder of an unfinished download; its name is a hash of `name`, and it survives crashes."""
        folder = self.root / "partial" / hashlib.sha256(name.encode()).hexdigest()[:32]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def path(self, kind: Kind, sha256: str, extension: str) -> Path:
        """The path of the file with this content, which need not exist.

        Raises ValueError when `sha256` is not 64 hex digits or `extension` not 1 to 8 lower-case letters or digits.
        """
        if not _HASH.fullmatch(sha256) or not _EXTENSION.fullmatch(extension):
            raise ValueError(f"not a content address: {sha256!r} {extension!r}")
        return self.root / kind / sha256[:2] / f"{sha256}.{extension}"

    def add(self, kind: Kind, file: Path, extension: str, *, move: bool) -> Stored:
        """Put a file into the store under its hash and return its record; a file that is stored already stays as it is.

        With `move` the file is renamed: it must lie on the store's file system. Without `move` it is hard-linked, or
        copied where the file system has no hard links. Raises OSError, for example when the disk is full.
        """
        sha256, size = hash_file(file)
        target = self.path(kind, sha256, extension)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            if move:
                file.replace(target)
            else:
                with self.scratch() as folder:
                    copy = folder / "copy"
                    try:
                        os.link(file.resolve(), copy)
                    except OSError:
                        shutil.copyfile(file, copy)
                    copy.replace(target)
        return Stored(sha256, size, target)

    def frames(self, key: str) -> Path:
        """The folder of sampled frames for a key of 64 hex digits; a folder that exists is complete.

        Raises ValueError for another key.
        """
        if not _HASH.fullmatch(key):
            raise ValueError(f"not a hash: {key!r}")
        return self.root / "frames" / key[:2] / key

    def commit_frames(self, folder: Path, key: str) -> Path:
        """Rename a finished scratch folder of frames to its place and return the path; an older folder is replaced."""
        target = self.frames(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        folder.replace(target)
        return target
