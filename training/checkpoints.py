"""Checkpoints that a training writes: marked when they are whole, and the last one found again."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.store.files import write_whole
from models.summarizers.checkpoint import MARK, require_finished
from schemas.errors import ConfigError

_STEP = re.compile(r"checkpoint-(\d+)")
_log = logging.getLogger(__name__)


def mark_finished(folder: Path, about: Mapping[str, Any]) -> None:
    """Say that everything else in the folder is written, with the sizes of its files and what it was made of."""
    (folder / MARK).unlink(missing_ok=True)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}
    write_whole(folder / MARK, json.dumps({**about, "files": sizes}, indent=2) + "\n", durable=True)


def last_finished(folder: Path) -> Path | None:
    """The finished checkpoint with most steps in a folder of `checkpoint-STEP`; unfinished ones are removed, and told.

    None where there is none.
    """
    found: list[tuple[int, Path]] = []
    for path in sorted(folder.glob("checkpoint-*")):
        if not (match := _STEP.fullmatch(path.name)):
            continue
        try:
            require_finished(path)
            found.append((int(match[1]), path))
        except ConfigError as error:
            _log.warning("%s; it is removed", error)
            shutil.rmtree(path)
    return max(found)[1] if found else None
