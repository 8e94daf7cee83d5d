"""Where big things lie: files addressed by their content, written beside and renamed into place.

    WORKSPACE/store/videos/ab/<sha256>.mp4
    WORKSPACE/store/frames/ab/<key>/000012.jpg     key = hash of video and sampling settings
    WORKSPACE/store/subtitles/ab/<sha256>.vtt
    WORKSPACE/store/partial/<hash>/                unfinished downloads; those untouched for two weeks are dropped
    WORKSPACE/store/scratch/                       half-made files; emptied when a run starts

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

from curation.store import unfinished as partials
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
    """Content-addressed files under one folder."""

    def __init__(self, root: Path) -> None:
        """Use (and create) the folder `root`."""
        self.root = root
        (root / "scratch").mkdir(parents=True, exist_ok=True)

    def clean(self) -> None:
        """Remove what interrupted runs left half-made, and downloads that none went on with for two weeks.

        Only the holder of the workspace's lock may call it.
        """
        shutil.rmtree(self.root / "scratch", ignore_errors=True)
        (self.root / "scratch").mkdir(parents=True, exist_ok=True)
        partials.forget_old(self.root / "partial")

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A fresh folder on the store's own file system, removed afterwards."""
        folder = Path(tempfile.mkdtemp(dir=self.root / "scratch"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def partial(self, name: str) -> Path:
        """A folder for unfinished downloads that survives crashes, named by a hash of `name`."""
        folder = self.root / "partial" / hashlib.sha256(name.encode()).hexdigest()[:32]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def path(self, kind: Kind, sha256: str, extension: str) -> Path:
        """Where a file of this content lies or would lie. Raises ValueError but for a hash and a plain extension."""
        if not _HASH.fullmatch(sha256) or not _EXTENSION.fullmatch(extension):
            raise ValueError(f"not a content address: {sha256!r} {extension!r}")
        return self.root / kind / sha256[:2] / f"{sha256}.{extension}"

    def add(self, kind: Kind, file: Path, extension: str, *, move: bool) -> Stored:
        """Put a file into the store under its hash and return it; a file that is there already is left alone.

        With `move` the file is renamed (it must lie on the store's file system); without, it is hard-linked
        where the file system allows it and copied where not. Raises OSError (disk full among others).
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
        """The folder of sampled frames for a 64-hex key; it exists only when it is complete."""
        if not _HASH.fullmatch(key):
            raise ValueError(f"not a hash: {key!r}")
        return self.root / "frames" / key[:2] / key

    def commit_frames(self, folder: Path, key: str) -> Path:
        """Rename a finished scratch folder of frames into place; an older one is replaced."""
        target = self.frames(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        folder.replace(target)
        return target
