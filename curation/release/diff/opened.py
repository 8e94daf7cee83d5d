"""Opens a release to read it: the part of its manifest that all versions share, and files that are what it says.

A release may be a copy from anybody. So its manifest is read leniently and bounded, links are refused, and each file
that is read is first compared with its size and SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from curation.dataset.check import file_problem
from curation.release.configurations.full import FULL
from curation.release.configurations.lineage import NAME as LINEAGE
from curation.release.configurations.rejections import REJECTIONS
from curation.release.manifest import read_part
from curation.release.versions import MANIFEST, parse
from schemas.errors import ConfigError
from schemas.manifest import ExportedFile
from schemas.release import StageState

TOMBSTONES = "tombstones"
COMPARED = (FULL.name, REJECTIONS.name, TOMBSTONES, LINEAGE)
_THREADS, _NAMED = 2, 5


class Listed(BaseModel):
    """What a comparison needs of a release's manifest; releases of other versions may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: str
    schema_version: int
    samples: int
    images: bool = True
    title: str | None = None
    licence: str | None = None
    files: tuple[ExportedFile, ...]
    stages: tuple[StageState, ...] = ()


class OpenedRelease:
    """A release whose rows are about to be read."""

    def __init__(self, folder: Path, listed: Listed) -> None:
        """Trust the folder to be what `listed` says; `open_release` looks first."""
        self.folder = folder
        self.listed = listed
        self.states = {state.name: state for state in listed.stages}

    def files(self, configuration: str) -> list[ExportedFile]:
        """The Parquet files of a configuration, by name; none where the release has no such rows."""
        front = f"{configuration}/"
        return [file for file in self.listed.files if file.path.startswith(front) and file.path.endswith(".parquet")]

    @property
    def has_lineage(self) -> bool:
        """Whether the release says from which results its rows were made, and which videos were unfinished."""
        return bool(self.files(LINEAGE))


def open_release(folder: Path, configurations: Iterable[str] = COMPARED) -> OpenedRelease:
    """Open the release in `folder`; every file of these configurations is read once, to compare its SHA-256.

    Raises ConfigError for a folder that is no release, and for files that are missing, changed or links.
    """
    release = OpenedRelease(folder, read_manifest(folder))
    if not release.files(FULL.name) and release.listed.samples:
        raise ConfigError(f"{folder / MANIFEST} names no file of the configuration `full`: its rows cannot be read")
    wanted = [file for name in configurations for file in release.files(name)]
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="hash") as pool:
        found = list(pool.map(lambda file: file_problem(folder, file), wanted))
    bad = [f"{file.path}: {problem}" for file, problem in zip(wanted, found, strict=True) if problem is not None]
    if bad:
        more = f"; and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        raise ConfigError(
            f"the release {folder} is not what was published: {'; '.join(bad[:_NAMED])}{more}. Put back the published "
            f"files; `v2xum check {folder}` names all that differ"
        )
    return release


def read_manifest(folder: Path) -> Listed:
    """The manifest of the release in `folder`. Raises ConfigError where there is none that can be read."""
    if (folder / MANIFEST).is_symlink():
        raise ConfigError(f"{folder / MANIFEST} is a link: this is no release")
    listed = read_part(folder, Listed)
    parse(listed.version)
    return listed
