"""`v2xum.load_release`: a release, of a workspace or a downloaded copy, as pandas and `datasets` read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.release.browse.release_rows import ReleaseRows
from curation.release.manifest import read_manifest
from curation.release.versions import MANIFEST, find_release, released, releases_folder
from curation.workspace import Workspace as Place
from schemas.errors import ConfigError
from schemas.kit.utf8 import quoted
from schemas.release import ReleaseManifest
from schemas.safe_text import plain
from v2xum.arguments import AnyPath, path_of
from v2xum.displays import html

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset, DatasetDict


class Release:
    """A release: a folder that never changes. `manifest` has its figures, `path` is the folder."""

    def __init__(self, path: Path) -> None:
        """Read the manifest. Raises ConfigError where there is none, or another file."""
        self.path = path
        self.manifest: ReleaseManifest = read_manifest(path)
        self._rows = ReleaseRows(path)

    @property
    def version(self) -> str:
        """The semantic version."""
        return self.manifest.version

    @property
    def configurations(self) -> tuple[str, ...]:
        """The names of the configurations that have rows; `default` is flat, `full` has everything."""
        return tuple(one.name for one in self.manifest.configurations if one.splits)

    @property
    def splits(self) -> dict[str, int]:
        """The samples of each split."""
        return {one.split: one.rows for one in self.manifest.splits}

    def to_pandas(
        self, configuration: str = "default", split: str | None = None, *, pictures: bool = False
    ) -> pd.DataFrame:
        """The rows of a configuration, one row as the release has it; docs/guides/releasing.md has the columns.

        Times and durations are in seconds. Integers are `Int64`, lists are arrays, structs are dicts. `pictures` keeps
        columns of JPEG bytes, tens of kilobytes a row. Raises ConfigError for a configuration or a split that the
        release does not have, and for files that are missing or damaged.
        """
        import pandas as pd
        import pyarrow as pa

        self._require(configuration)
        splits = None if split is None else [self._split(configuration, split)]
        parts = self._rows.parts(configuration)
        if not pictures:
            parts = _without_pictures(parts)
        table = pa.Table.from_batches(list(self._rows.batches(configuration, parts, splits)))
        try:
            made: pd.DataFrame = table.to_pandas(
                types_mapper=lambda kind: pd.Int64Dtype() if pa.types.is_integer(kind) else None
            )
        except (pa.ArrowException, ValueError) as error:  # texts that are no UTF-8
            raise ConfigError(f"{self.path}: {configuration} cannot be read: {plain(str(error), 200)}") from error
        return made

    def dataset(self, configuration: str = "default") -> DatasetDict:
        """The splits of a configuration as `datasets.load_dataset` gives them, pictures as pictures.

        `datasets` keeps a copy in its cache (HF_HOME). Raises ConfigError for a configuration that is not there.
        """
        self._require(configuration)
        from datasets import load_dataset

        loaded: DatasetDict = load_dataset(str(self.path), configuration)
        return loaded

    def split(self, split: str, configuration: str = "default") -> Dataset:
        """One split of `dataset`. Raises ConfigError for one that the configuration does not have."""
        return self.dataset(configuration)[self._split(configuration, split)]

    def __repr__(self) -> str:
        """Name, version and rows."""
        counts = ", ".join(f"{count} {name}" for name, count in self.splits.items())
        return f"Release({self.manifest.name!r}, {self.version}: {counts or 'no samples'})"

    def _require(self, configuration: str) -> None:
        if configuration not in self.configurations:
            raise ConfigError(
                f"{self.path} has no configuration {quoted(configuration)}; it has {', '.join(self.configurations)}"
            )

    def _split(self, configuration: str, split: str) -> str:
        self._require(configuration)
        there = [s.split for one in self.manifest.configurations if one.name == configuration for s in one.splits]
        if split not in there:
            raise ConfigError(f"{configuration} of {self.path} has no split {quoted(split)}; it has {', '.join(there)}")
        return split

    def _repr_html_(self) -> str:
        manifest: Any = self.manifest
        return html("release", manifest=manifest, splits=self.splits, configurations=self.configurations)


def _without_pictures(parts: list[str]) -> list[str]:
    """The parts of columns that are no picture: a picture is a structure of `bytes` and `path`."""
    pictures = {part.removesuffix(".bytes") for part in parts if part.endswith(".bytes")}
    return [part for part in parts if part.rpartition(".")[0] not in pictures]


def load_release(path: AnyPath, version: str | None = None) -> Release:
    """A release: its folder, or a workspace and a version (`"0.1.0"`; None: the highest one).

    Only the manifest is read; `v2xum check` compares every file with its hash. A release on the Hugging Face Hub is
    read by `datasets.load_dataset`, or downloaded by `huggingface_hub.snapshot_download` and then named here. Raises
    ConfigError where there is no release, and for a version that is not there.
    """
    folder = path_of(path)
    if (folder / MANIFEST).is_file() and version is None:
        return Release(folder)
    place = Place(folder).find()
    if place is None:
        if not (folder / MANIFEST).is_file():
            return Release(folder)  # raises, and says what to name
        raise ConfigError(f"{folder} is the folder of a release: leave out the version {quoted(str(version))}")
    if version is None:
        there = released(releases_folder(place))
        if not there:
            raise ConfigError(f"{place.root} has no release yet; `v2xum release {place.root} 0.1.0` makes one")
        version = str(there[-1])
    return Release(find_release(place, version))
