"""Reads the manifest of a release that may come from anybody."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from curation.dataset.layout import MANIFEST
from schemas.errors import ConfigError
from schemas.release import ReleaseManifest
from schemas.safe_text import plain

_LARGEST = 256 * 2**20  # bytes


def read_manifest(folder: Path) -> ReleaseManifest:
    """The manifest of the release in `folder`. Raises ConfigError where there is none, or another file."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _LARGEST or (path.exists() and not path.is_file()):
            raise ConfigError(f"{path}: no file, or larger than any manifest")
        return ReleaseManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise ConfigError(f"{folder}: no release here (a folder with {MANIFEST}, as `v2xum release` makes)") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        fault = plain(f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}")
        raise ConfigError(f"{path}: not the manifest of a release: {fault}") from error
