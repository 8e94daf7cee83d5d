"""Finds the video files below a folder.

A folder may come from somebody else, as an unpacked archive does: a link in it may lead to any file of the machine, and
folders may be nested deeper than Python's stack. So links count only where they stay inside, unless the user asks for
more, and the depth costs no stack.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

from schemas.errors import PermanentError, RefusedError, StageError
from schemas.kit.utf8 import quoted

VIDEO_SUFFIXES = frozenset(
    (
        *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpe"),
        *(".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
    )
)
_WAY_OUT = "a link that leads out of the folder (`follow_links: true` in `sources` follows it)"
_LONGEST_NAME = 80


class Found(NamedTuple):
    """A video file: its name relative to the folder, and its absolute path without links."""

    name: str
    path: str


class Unusable(NamedTuple):
    """An entry that gives no video: its name relative to the folder, and why."""

    name: str
    error: StageError


def walk(folder: Path, *, recursive: bool, follow_links: bool) -> Iterator[Found | Unusable]:
    """Yield the video files below a folder, depth first in natural order, without hidden entries.

    A link to a file is that file, a link to a folder inside is left out: its files are found where they lie. A link
    that leads out of `folder` is Unusable `link_outside_folder`; with `follow_links` it is followed, and each folder is
    read once. Also Unusable: `broken_link`, `not_a_regular_file`, and `folder_unreadable` for a folder that cannot be
    listed or whose path is too long. Raises OSError when `folder` itself cannot be listed.
    """
    root = os.path.realpath(folder)
    seen = {_identity(root)}
    stack = [_listed(root, "")]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
            continue
        name = entry.name
        is_video = os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES  # noqa: PTH122 - no name is too hostile for it
        try:
            target = os.path.realpath(entry.path, strict=True) if entry.is_link else entry.path
            kind = os.stat(target).st_mode  # noqa: PTH116
        except OSError as error:
            if entry.is_folder:
                if recursive:
                    yield Unusable(name, PermanentError("folder_unreadable", f"{_shown(name)}: {_said(error)}"))
            elif is_video:
                reason, said = (
                    ("broken_link", "leads to no file") if entry.is_link else ("unreadable_file", _said(error))
                )
                yield Unusable(name, PermanentError(reason, f"{_shown(name)}: {said}"))
            continue
        if not (is_video or (S_ISDIR(kind) and recursive)):
            continue
        if entry.is_link and not follow_links and not Path(target).is_relative_to(root):
            yield Unusable(name, RefusedError("link_outside_folder", f"{_shown(name)}: {_WAY_OUT}"))
        elif S_ISREG(kind):
            yield Found(name, target)
        elif not S_ISDIR(kind):
            yield Unusable(name, PermanentError("not_a_regular_file", _shown(name)))
        elif recursive and (follow_links or not entry.is_link) and (identity := _identity(target)) not in seen:
            seen.add(identity)
            try:
                stack.append(_listed(target, f"{name}/"))
            except OSError as error:
                yield Unusable(name, PermanentError("folder_unreadable", f"{_shown(name)}: {_said(error)}"))


class _Entry(NamedTuple):
    """An entry of a folder: its name below the source's folder, its path, and its kind as the folder lists it."""

    name: str
    path: str
    is_link: bool
    is_folder: bool


def natural_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """A sorting key that puts `clip 2` before `clip 10`.

    Different names have different keys, so the order never depends on the file system.
    """
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if index % 2 else (-1, part.casefold()) for index, part in enumerate(parts)], name


def _listed(path: str, prefix: str) -> Iterator[_Entry]:
    """The entries of a folder that are not hidden, in natural order."""
    with os.scandir(path) as entries:
        found = sorted(
            (entry for entry in entries if not entry.name.startswith(".")), key=lambda e: natural_key(e.name)
        )
    return iter([_Entry(prefix + e.name, e.path, e.is_symlink(), e.is_dir(follow_symlinks=False)) for e in found])


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116
    return status.st_dev, status.st_ino


def _said(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _shown(name: str) -> str:
    return quoted(name if len(name) <= _LONGEST_NAME else f"...{name[-_LONGEST_NAME:]}")
