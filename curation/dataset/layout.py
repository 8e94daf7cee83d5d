"""The files of an export by their names, and files in its folder that are none of it."""

from __future__ import annotations

import re
from pathlib import Path

from curation.store.folder_swap import names
from schemas.manifest import SPLITS

MANIFEST = "manifest.json"
REJECTIONS = "rejections.jsonl"
CARD = "README.md"
_SPLIT = "|".join(SPLITS)
_OWN = re.compile(
    rf"{re.escape(CARD)}|{re.escape(MANIFEST)}|{re.escape(REJECTIONS)}"
    rf"|data/(?:{_SPLIT})-[0-9]{{5}}-of-[0-9]{{5}}\.parquet|json/(?:{_SPLIT})\.json"
)


def is_own(name: str) -> bool:
    """Whether an export has files of this name: a path relative to its folder, with `/`."""
    return _OWN.fullmatch(name) is not None


def set_strangers_aside(folder: Path, aside: Path) -> list[str]:
    """Move the files of `folder` that no export has into the folder `aside`; returns their names.

    They may be somebody's, and the next export would delete them. Both folders are on one file system.
    """
    strangers = [name for name in names(folder) if not is_own(name)]
    for name in strangers:
        target = aside / name
        number = 1
        while target.exists() or target.is_symlink():
            number += 1
            target = aside / f"{name}.{number}"
        target.parent.mkdir(parents=True, exist_ok=True)
        (folder / name).rename(target)
    return strangers
