"""The caches of files that runs left on a node: those that nobody has used for two weeks are removed.

A cache is a folder NODES/LEDGER/NODE. All of it can be fetched again. A worker holds its own folder, and dates it
whenever it is given a shard: so none that is in use is old.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from curation.store.files import hold_folder

log = logging.getLogger(__name__)

DAYS = 14.0
_MOST = 20  # folders at one start: it must not take long
_GOING = ".going-"  # its removal has begun


def use(folder: Path) -> None:
    """Date a cache: it is in use now."""
    with suppress(OSError):
        os.utime(folder)


def remove_old(nodes: Path, own: Path, days: float = DAYS) -> int:
    """Remove caches below `nodes` that nobody holds and that were not used for so many days; returns how many.

    `own` is the cache of a worker of this node. Those of its siblings in the same run are left alone: they may be about
    to be used. On a slow disk it takes minutes. What cannot be removed stays, without an error: another user's, for
    example. Links are left alone.
    """
    removed, before = 0, time.time() - days * 86_400
    for folder in _caches(nodes):
        if removed == _MOST:
            break
        if folder.parent == own.parent and _node_of(folder) == _node_of(own):
            continue
        with suppress(OSError):
            if folder.name.startswith(_GOING) or _set_aside(folder, before):
                removed += 1
    for going in _caches(nodes):
        if going.name.startswith(_GOING):
            shutil.rmtree(going, ignore_errors=True)
    for ledger in _folders(nodes):
        with suppress(OSError):
            ledger.rmdir()  # where it is empty
    if removed:
        log.info("%d caches of earlier runs, unused for %g days, were removed from %s", removed, days, nodes)
    return removed


def _set_aside(folder: Path, before: float) -> bool:
    """Give an old cache another name, under which no worker looks for it; False where it is in use, or younger."""
    if folder.stat().st_mtime >= before:
        return False
    with hold_folder(folder) as is_free:
        if is_free:
            folder.rename(folder.with_name(_GOING + secrets.token_hex(8)))
        return is_free


def _node_of(cache: Path) -> str:
    """The address of a cache's node: the second worker of a node has ADDRESS-2."""
    return cache.name.partition("-")[0]


def _caches(nodes: Path) -> list[Path]:
    return [cache for ledger in _folders(nodes) for cache in _folders(ledger)]


def _folders(parent: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(child for child in parent.iterdir() if child.is_dir() and not child.is_symlink())
    return []
