"""What the functions of the API take: paths, configurations and settings, turned into what the commands work with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from flows.cli.main import calm_threads
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
from schemas.safe_text import plain

AnyPath = str | Path
Config = str | Path | CurateConfig
M = TypeVar("M", bound=BaseModel)


def path_of(path: AnyPath) -> Path:
    """The path, `~` resolved. Raises ConfigError for an empty text, which as a path is where the program stands."""
    if not str(path).strip():
        raise ConfigError("an empty text names no file or folder (`.` is the current folder)")
    return Path(path).expanduser()


def config_of(config: Config, settings: Mapping[str, object] | None = None) -> CurateConfig:
    """The configuration: read from its YAML file with `settings` over it (`{"frames.fps": 2}`), or given as it is.

    Raises ConfigError as `load_config`, and for settings beside a configuration that is no file.
    """
    if isinstance(config, CurateConfig):
        if settings:
            raise ConfigError("`settings` change a file: use model_copy(update=...) on a CurateConfig")
        return config
    overrides = [f"{key}={json.dumps(value, default=str)}" for key, value in (settings or {}).items()]
    return load_config(path_of(config), overrides)


def section_of(section: type[M], **values: object) -> M:
    """A section of the configuration with these values. Raises ConfigError that names each wrong one."""
    try:
        return section.model_validate(values)
    except ValidationError as error:
        told = [
            f"{'.'.join(map(str, item['loc'])) or 'arguments'}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigError(plain("; ".join(told), 1000)) from error


def prepare_models() -> None:
    """Set what keeps a model's threads from spinning. Call it before torch is imported; set variables stay."""
    calm_threads()
