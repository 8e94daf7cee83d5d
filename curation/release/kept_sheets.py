"""Keeps the contact sheets of a workspace, so that the next release only reads those whose videos have not changed.

    WORKSPACE/sheets/ab/<SHA-256 of the video's id>    key, SHA-256 of the sheet, sheet

The key is a hash of all that makes a sheet: the pictures, the printed times, the shape of the video, the code of
contact_sheet.py, and the libraries that decode, draw and encode. A file with another key, or whose sheet does not have
the hash that the file states, counts as missing. So a kept sheet has the bytes of one that is drawn anew. A video has
one file at most; the folder can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import PIL
from PIL import features

from curation.release import contact_sheet
from curation.store.files import write_whole
from schemas.time import Seconds

_HASH = 32  # bytes

_log = logging.getLogger(__name__)


class KeptSheets:
    """The sheets that are kept in a folder. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        """Keep sheets in `folder`, which is made with the first one."""
        self._folder = folder

    def sheet(
        self, name: str, times: Sequence[Seconds], sha256s: Sequence[str], read: Callable[[int], bytes], aspect: float
    ) -> bytes:
        """The sheet of the video with the id `name`, as `contact_sheet` draws it, which also says what is raised.

        `sha256s`: those of the keyframes' pictures, which `read` gives.
        """
        path = self._path(name)
        key = hashlib.sha256(json.dumps([_drawn_by(), list(times), list(sha256s), aspect]).encode()).digest()
        if (known := _whole(path, key)) is not None:
            return known
        drawn = contact_sheet.contact_sheet(times, read, aspect)
        try:
            write_whole(path, key + hashlib.sha256(drawn).digest() + drawn)
        except OSError as error:
            _log.debug("%s: the sheet is not kept: %s", path, error)
        return drawn

    def keep_only(self, names: Iterable[str]) -> None:
        """Remove the sheets of other videos than those with these ids, and what killed processes left."""
        kept = {self._path(name) for name in names}
        for path in self._folder.glob("*/*"):
            if path not in kept:
                with suppress(OSError):  # one that stays costs only its place
                    path.unlink()

    def _path(self, name: str) -> Path:
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
        return self._folder / digest[:2] / digest


def _whole(path: Path, key: bytes) -> bytes | None:
    """The sheet in a file; None when there is none, when it was made of something else, or when it is damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    stated, sheet = data[_HASH : 2 * _HASH], data[2 * _HASH :]
    return sheet if data[:_HASH] == key and hashlib.sha256(sheet).digest() == stated else None


@cache
def _drawn_by() -> list[str]:
    """The code and the libraries that a sheet's bytes depend on."""
    libraries = [f"{name} {features.version(name)}" for name in ("jpg", "libjpeg_turbo", "freetype2", "raqm", "zlib")]
    return [inspect.getsource(contact_sheet), f"Pillow {PIL.__version__}", *libraries]
