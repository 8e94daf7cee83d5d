"""Checkpoints on disk: which of them are whole, what was trained into them, and of which architecture they are."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedModel

from curation.store.files import write_whole
from models.identity import checkpoint_errors
from schemas.errors import ConfigError

MARK = "finished.json"  # written last: a checkpoint without it was interrupted while it was written
ADAPTER = "adapter_config.json"  # of PEFT: the folder has an adapter alone, over the model that this file names
_STEP = re.compile(r"checkpoint-(\d+)")
_log = logging.getLogger(__name__)
Model = TypeVar("Model", bound=PreTrainedModel)


def mark_finished(folder: Path, about: Mapping[str, Any]) -> None:
    """Say that everything else in the folder is written, with the sizes of its files and what it was made of."""
    (folder / MARK).unlink(missing_ok=True)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}
    write_whole(folder / MARK, json.dumps({**about, "files": sizes}, indent=2) + "\n", durable=True)


def require_finished(folder: Path) -> dict[str, Any]:
    """What `mark_finished` wrote. Raises ConfigError for a folder that is no checkpoint, or an unfinished one."""
    if not any((folder / name).is_file() for name in ("config.json", ADAPTER)):
        raise ConfigError(f"{folder}: no checkpoint of a summarizer (a folder that `v2xum train` wrote, OUT/model)")
    try:
        about: dict[str, Any] = json.loads((folder / MARK).read_text(encoding="utf-8"))
        sizes: dict[str, int] = about["files"]
        wrong = [n for n, size in sizes.items() if not (p := folder / n).is_file() or p.stat().st_size != size]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{folder}: an unfinished checkpoint (no {MARK}): the training was interrupted while it was written. "
            "`v2xum train ... --resume` goes on from the last finished one"
        ) from error
    if wrong:
        raise ConfigError(f"{folder}: {wrong[0]} is missing or has another size than was written: copy it again")
    return about


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


def load(folder: Path, kind: type[Model]) -> Model:
    """Load a finished checkpoint as this kind of model, in evaluation mode.

    Raises ConfigError for an unfinished or damaged checkpoint, and for one of another architecture.
    """
    require_finished(folder)
    wanted = kind.config_class
    assert wanted is not None
    stated = architecture(folder)
    if stated != wanted.model_type:
        raise ConfigError(
            f"{folder} is a checkpoint of {stated!r}, and {wanted.model_type!r} is wanted: name another checkpoint, or "
            "the configuration that it was trained by"
        )
    with checkpoint_errors(str(folder)):
        load_it: Any = kind.from_pretrained  # the library does not annotate what it gives
        model, told = load_it(folder, output_loading_info=True)
    if missing := sorted(told["missing_keys"]):
        raise ConfigError(f"{folder} lacks the weights {', '.join(missing[:3])}: it is of another version or damaged")
    loaded: Model = model.eval()
    return loaded


def architecture(folder: Path) -> str:
    """The `model_type` of a checkpoint. Raises ConfigError."""
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder / 'config.json'} does not name an architecture: no checkpoint of ours") from error
