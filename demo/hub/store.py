"""The files of the stand-in Hub: those that git keeps, those that were uploaded the old way, and those of Xet."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import threading
from pathlib import Path
from tempfile import NamedTemporaryFile

from demo.hub.refusals import Refusal
from demo.hub.repository import Entry, git_oid, pointer
from demo.hub.xet import XetFolder

# The rules of a new dataset on the Hub, as far as releases need them.
GITATTRIBUTES = "".join(
    f"*.{ending} filter=lfs diff=lfs merge=lfs -text\n"
    for ending in ("arrow", "bin", "gz", "h5", "parquet", "zip", "zst", "png", "jpg", "jpeg", "webp", "mp4", "webm")
)
LARGEST_IN_GIT = 10 * 2**20  # bytes


class ObjectStore:
    """Contents by SHA-256, in the folder `root`/objects; Xet's own folder is `root`/xet."""

    def __init__(self, root: Path) -> None:
        """Use the folder `root`, which is made."""
        self._objects = root / "objects"
        self._objects.mkdir(parents=True, exist_ok=True)
        self.xet = XetFolder(root / "xet")
        self._lock = threading.Lock()

    def path(self, sha256: str) -> Path | None:
        """The file with a content; None when there is no such content, in git, in LFS or in Xet."""
        place = self._objects / sha256
        with self._lock:
            if place.exists():
                return place
            if self.xet.find(sha256) is None:
                return None
            with NamedTemporaryFile(dir=self._objects, delete=False) as stream:
                self.xet.copy(sha256, stream)  # type: ignore[arg-type]
            os.replace(stream.name, place)  # noqa: PTH105
            return place

    def put(self, content: bytes) -> str:
        """Keep a content; returns its SHA-256."""
        sha256 = hashlib.sha256(content).hexdigest()
        with NamedTemporaryFile(dir=self._objects, delete=False) as stream:
            stream.write(content)
        os.replace(stream.name, self._objects / sha256)  # noqa: PTH105
        return sha256

    def in_git(self, content: bytes) -> Entry:
        """The entry of a file that git itself keeps. Raises Refusal for one that is too large."""
        if len(content) > LARGEST_IN_GIT:
            raise Refusal(400, "Your push was rejected because it contains files larger than 10 MiB.")
        return Entry(self.put(content), len(content), git_oid(content), lfs=False)

    def large(self, sha256: str) -> Entry:
        """The entry of a file that was uploaded before. Raises Refusal when nobody did."""
        path = self.path(sha256)
        if path is None:
            raise Refusal(
                400, f"Your push was rejected because an LFS pointer pointed to a file that does not exist: {sha256}"
            )
        size, stored = path.stat().st_size, self.xet.find(sha256)
        return Entry(sha256, size, git_oid(pointer(sha256, size)), lfs=True, xet=stored.hash if stored else None)


def is_large(path: str, size: int, gitattributes: bytes) -> bool:
    """Whether a file is kept outside git, by the repository's .gitattributes and by its size."""
    rules = [line.split() for line in gitattributes.decode().splitlines()]
    named = any("filter=lfs" in rule and fnmatch.fnmatch(path.rsplit("/")[-1], rule[0]) for rule in rules if rule)
    return size > 0 and (named or size > LARGEST_IN_GIT)


def is_ignored(path: str, gitignore: bytes) -> bool:
    """Whether the repository's .gitignore hides a file; of its rules only patterns of names are known here."""
    return any(
        fnmatch.fnmatch(path.rsplit("/")[-1], rule.strip()) for rule in gitignore.decode().splitlines() if rule.strip()
    )
