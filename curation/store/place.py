"""Where the store of a workspace is: in its folder, or at the address that the note WORKSPACE/store.json names.

The note is made by the first run with `store.address`. It also tells commands that read no configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from curation.store.borrowed import BorrowedStore
from curation.store.bucket import open_bucket
from curation.store.files import sync, write_whole
from curation.store.remote import BorrowedRemoteStore, open_store
from curation.store.store import Store
from schemas.configuration.store_config import StoreConfig
from schemas.errors import ConfigError

NOTE = "store.json"
_FOLDER = "store"
_KINDS = ("videos", "subtitles", "sounds")
_GB = 10**9


def store_of(root: Path) -> Store:
    """The store of the workspace at `root`. Raises ConfigError for a damaged note, and as `open_store`."""
    config = _read(root)
    return open_store(config.address, root / _FOLDER, round(config.cache_gigabytes * _GB))


def borrowed_store(lender: Path, root: Path) -> Store:
    """The store of the workspace at `lender` to read, and the workspace at `root` to write. Raises as `store_of`."""
    config = _read(lender)
    if config.address is None:
        return BorrowedStore(lender / _FOLDER, root / _FOLDER)
    size = round(config.cache_gigabytes * _GB)
    return BorrowedRemoteStore(lender / _FOLDER, open_bucket(config.address), root / _FOLDER, size)


def settle_store(root: Path, config: StoreConfig) -> None:
    """Make the store of a configuration that of the workspace at `root`, whose lock the caller holds.

    Files that lie elsewhere must have been copied. Raises ConfigError, which says how, where one is not there with its
    size, and as `open_bucket`; TransientError and MachineTrouble as `Bucket.sizes`.
    """
    before = _read(root)
    if before == config:
        return
    if before.address != config.address:
        _raise_if_left_behind(root, before.address, config.address)
    if config.address is not None:
        write_whole(root / NOTE, config.model_dump_json(indent=2) + "\n", durable=True)
    elif (root / NOTE).exists():
        (root / NOTE).unlink()
        sync(root)


def _raise_if_left_behind(root: Path, old: str | None, new: str | None) -> None:
    theirs = _files(root, old)
    if not theirs:
        return
    there = _files(root, new)
    lacking = sorted(name for name, size in theirs.items() if there.get(name) != size)
    if not lacking:
        return
    source, target = (str(root / _FOLDER) if address is None else address for address in (old, new))
    ways = [f"copy videos, subtitles and sounds (`aws s3 sync {source}/videos {target}/videos`)"]
    ways.append("unset store.address" if old is None else f"set store.address to {old}")
    if old is not None:
        ways.append(f"remove {root / NOTE}, and what a run needs is fetched from its sources again")
    raise ConfigError(
        f"store.address: the files of {root} lie in {source}, and {len(lacking)} of {len(theirs)} are not in {target} "
        f"({lacking[0]}): {'; or '.join(ways)}"
    )


def _files(root: Path, address: str | None) -> Mapping[str, int]:
    """Names and bytes of the videos, subtitles and sounds at an address, or in the workspace's folder."""
    if address is not None:
        bucket = open_bucket(address)
        return {name: size for kind in _KINDS for name, size in bucket.sizes(kind).items()}
    folder = root / _FOLDER
    paths = (path for kind in _KINDS for path in (folder / kind).glob("??/*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}


def _read(root: Path) -> StoreConfig:
    try:
        noted: Any = json.loads((root / NOTE).read_text(encoding="utf-8"))
        return StoreConfig.model_validate(noted)
    except FileNotFoundError:
        return StoreConfig()
    except (OSError, ValueError, RecursionError, ValidationError) as error:
        raise ConfigError(
            f"{root / NOTE} cannot be read, so nobody knows where the files of the workspace lie: write "
            '{"address": "ADDRESS"} into it, or remove it if they lie in the folder store'
        ) from error
