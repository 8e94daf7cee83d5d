"""Which rows the releases of a workspace have, read from their files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError
from semver import Version

from curation.release.versions import MANIFEST, released
from schemas.errors import ConfigError
from schemas.release import ReleaseManifest

_BATCH = 4096


def last_versions(releases: Path, before: Version | None = None) -> dict[str, str]:
    """The latest release that has each row, by id: of all releases in the folder, or of those before a version.

    Raises ConfigError for a release that cannot be read: its rows would go unnoticed.
    """
    versions: dict[str, str] = {}
    for version in released(releases):
        if before is None or version < before:
            versions |= dict.fromkeys(ids_of(releases / str(version)), str(version))
    return versions


def ids_of(release: Path) -> Iterator[str]:
    """The ids of a release's rows. Raises ConfigError when it cannot be read."""
    for path in files_of(release, "default"):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_BATCH, columns=["id"]):
                    yield from batch.column(0).to_pylist()
        except (OSError, pa.ArrowException, UnicodeDecodeError, KeyError, IndexError) as error:
            raise unreadable(path, error) from error


def files_of(release: Path, configuration: str) -> list[Path]:
    """The Parquet files of a configuration of a release, by name; none where it has no rows."""
    return sorted((release / configuration).glob("*.parquet"))


def schema_of(path: Path) -> pa.Schema:
    """The columns of a Parquet file of a release. Raises ConfigError when it cannot be read."""
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


def manifest_of(release: Path) -> ReleaseManifest:
    """The manifest of a release. Raises ConfigError when it cannot be read."""
    try:
        return ReleaseManifest.model_validate_json((release / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise unreadable(release / MANIFEST, error) from error


def unreadable(path: Path, error: Exception) -> ConfigError:
    """The error for a release whose file cannot be read."""
    said = str(error).partition("\n")[0]
    release = path.parent if path.name == MANIFEST else path.parent.parent
    return ConfigError(
        f"{path}: cannot be read, so what was published is unknown: {said}. `v2xum check {release}` says what is "
        "damaged; put back the file that was published"
    )
