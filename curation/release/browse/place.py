"""The folder of a browse page: which files are the page's own, and how a new page takes the place of an old one."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from curation.release.versions import raise_if_in_a_release
from curation.store.files import hold_folder
from curation.store.folder_swap import names, publish, recover, staging
from schemas.errors import ConfigError, WorkspaceBusy
from schemas.kit.utf8 import quoted

MARKER = "browse.json"
_OWN = re.compile(
    rf"index\.html|{re.escape(MARKER)}|assets/[a-z]+\.(css|js|svg)|data/site\.js"
    r"|data/(rows|texts|details|captions)/[0-9]{3,}/[0-9]{5,}\.js|pictures/[0-9]{3,}/[0-9]{5,}\.jpg"
    r"|(.*/)?(\.DS_Store|Thumbs\.db|desktop\.ini)"  # systems that show a folder leave these
)
_NAMED = 3


@contextmanager
def new_site(out: Path, release: Path) -> Iterator[Path]:
    """An empty folder in which to write a page; it becomes `out` in one step when the block raised nothing.

    A kill at any moment leaves the old page or the new one; the next call removes what a killed one left. Raises
    ConfigError when `out` is in a release, holds a file that is not of a page, or is the folder in which this process
    runs, or one above it; WorkspaceBusy when another process writes there, and OSError.
    """
    raise_if_in_a_release(out, release)
    if Path.cwd().is_relative_to(out.resolve()):
        raise ConfigError(
            f"{out.resolve()} is the folder in which this command runs, or is above it, and a page takes the place of "
            "a whole folder: choose a new folder, such as --out page"
        )
    out = out.resolve() if out.name == ".." else out
    out.parent.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        recover(out)
        _raise_if_not_ours(out)
        new = staging(out, MARKER, is_own)
        try:
            yield new
            publish(new, out, durable=False)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def is_own(name: str) -> bool:
    """Whether a page has files of this name: a path relative to its folder, with `/`."""
    return _OWN.fullmatch(name) is not None


def _raise_if_not_ours(out: Path) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ConfigError(f"{out} is no folder of its own: choose an empty or new folder for the page")
    there = names(out) if out.is_dir() else []
    strangers = [name for name in there if not is_own(name)]
    if there and not strangers and MARKER not in there:
        strangers = there
    if strangers:
        shown = ", ".join(map(quoted, strangers[:_NAMED]))
        raise ConfigError(
            f"{out} holds files that are not of a page of `v2xum browse` ({shown}), and a new page would delete them: "
            "choose an empty or new folder"
        )


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    guard = out.parent / f".{out.name}.busy"
    guard.mkdir(exist_ok=True)
    with hold_folder(guard) as held:
        if not held or not guard.exists():
            raise WorkspaceBusy(f"{out}: another `v2xum browse` writes here; wait for it, or choose another folder")
        try:
            yield
        finally:
            with suppress(OSError):
                guard.rmdir()
