"""Reads the manifest of a release that may come from anybody, or the part of it that a reader needs."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from curation.dataset.layout import MANIFEST
from schemas.errors import ConfigError
from schemas.release import ReleaseManifest
from schemas.safe_text import plain

T = TypeVar("T", bound=BaseModel)
_LARGEST = 256 * 2**20  # bytes


def read_manifest(folder: Path) -> ReleaseManifest:
    """The manifest of the release in `folder`. Raises ConfigError where there is none, or another file."""
    return read_part(folder, ReleaseManifest)


def read_part(folder: Path, form: type[T]) -> T:
    """What a model takes of the manifest in `folder`; one with few fields reads releases of other versions, too.

    Raises ConfigError where there is none, or another file.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _LARGEST or not path.is_file():
            raise ConfigError(f"{path}: no file, or larger than any manifest")
        return form.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError(
            f"{folder}: no release here (no {MANIFEST}). Name a folder that `v2xum release` made, or a copy of one; or "
            "a workspace and a version, where a command takes them"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        fault = plain(f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}")
        raise ConfigError(f"{path}: not the manifest of a release: {fault}") from error
