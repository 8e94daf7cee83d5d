"""Checkpoints of `v2xum train` as they are read: whole, of the wanted architecture, and with how they were made.

FOLDER/finished.json     written last: what the model was made of, and the sizes of the other files
FOLDER/summarizer.json   the configuration of its training, and how frames are sampled for it
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedModel

from models.identity import checkpoint_errors
from models.weights import quiet_loading
from schemas.configuration.config import FrameConfig
from schemas.configuration.section import Section
from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError
from schemas.kit.blame import in_one_line
from schemas.release import FormatChoice

MARK, STATED = "finished.json", "summarizer.json"
ADAPTER = "adapter_config.json"  # of PEFT: the folder has an adapter alone, over the model that this file names
Model = TypeVar("Model", bound=PreTrainedModel)


class Stated(Section):
    """How a model was made, and how frames are sampled for it.

    `formats`: how the release's files for trainers were written, for a model that learned from them.
    """

    config: TrainConfig
    sampling: FrameConfig
    formats: FormatChoice = FormatChoice()


def require_finished(folder: Path) -> dict[str, Any]:
    """What `mark_finished` wrote. Raises ConfigError for a folder that is no checkpoint, or an unfinished one."""
    if not any((folder / name).is_file() for name in ("config.json", ADAPTER)):
        raise ConfigError(f"{folder}: no checkpoint of a summarizer (a folder that `v2xum train` wrote, OUT/model)")
    try:
        about: dict[str, Any] = json.loads((folder / MARK).read_text(encoding="utf-8"))
        sizes: dict[str, int] = about["files"]
        wrong = [n for n, size in sizes.items() if not (p := folder / n).is_file() or p.stat().st_size != size]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"{folder}: an unfinished checkpoint (no {MARK}): the training was interrupted while it was written. "
            "`v2xum train ... --resume` goes on from the last finished one"
        ) from error
    if wrong:
        raise ConfigError(f"{folder}: {wrong[0]} is missing or has another size than was written: copy it again")
    return about


def read_stated(checkpoint: Path) -> Stated:
    """What a finished checkpoint states. Raises ConfigError for one that `v2xum train` did not write or finish."""
    require_finished(checkpoint)
    try:
        return Stated.model_validate_json((checkpoint / STATED).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{checkpoint / STATED} cannot be read: train the model again ({in_one_line(error, 160)})"
        ) from error


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
    with checkpoint_errors(str(folder)), quiet_loading():
        load_it: Any = kind.from_pretrained  # the library does not annotate what it gives
        model, told = load_it(folder, use_safetensors=True, output_loading_info=True)
    if missing := sorted(told["missing_keys"]):
        raise ConfigError(f"{folder} lacks the weights {', '.join(missing[:3])}: it is of another version or damaged")
    loaded: Model = model.eval()
    return loaded


def architecture(folder: Path) -> str:
    """The `model_type` of a checkpoint. Raises ConfigError."""
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{folder / 'config.json'} does not name an architecture: no checkpoint of ours") from error
