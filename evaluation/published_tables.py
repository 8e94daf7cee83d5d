"""Tables of figures that papers print (data/published/*.yaml), to be shown beside ours and marked as theirs.

A file has `system`, `source` (title and address of the paper) and `tables`; a table has `title`, `dataset`, `protocol`
(the protocol of ours that it names or comes nearest to, or "not stated"), `percent` (the metrics that are printed as a
hundred times their value) and `rows`: the metrics of each system by its name. A metric that is not printed is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from schemas.configuration.section import Section
from schemas.errors import ConfigError
from schemas.kit.yaml_values import yaml_values
from schemas.repository import DATA

FOLDER = DATA / "published"


class PublishedTable(Section):
    """One printed table. `rows`: values as fractions or correlations, by system and metric, in the order of print."""

    title: str
    dataset: str
    protocol: str
    percent: tuple[str, ...] = ()
    rows: Mapping[str, Mapping[str, float]]

    def values(self) -> dict[str, dict[str, float]]:
        """The rows with every metric in its own unit: what is printed in percent is divided by 100."""
        return {
            system: {name: value / 100 if name in self.percent else value for name, value in metrics.items()}
            for system, metrics in self.rows.items()
        }

    def metrics(self) -> tuple[str, ...]:
        """The metrics that some row has, in the order in which they first appear."""
        return tuple(dict.fromkeys(name for metrics in self.rows.values() for name in metrics))


class PublishedTables(Section):
    """The tables of one paper."""

    system: str
    source: str
    tables: tuple[PublishedTable, ...]


def read_published_tables(folder: Path = FOLDER) -> dict[str, PublishedTables]:
    """The tables of each file of a folder, by the file's name without its ending, in alphabetical order.

    Raises ConfigError when the folder has no such file, or when a file is not of this form.
    """
    found = {path.stem: _read(path) for path in sorted(folder.glob("*.yaml"))}
    if not found:
        raise ConfigError(f"{folder} has no published tables (*.yaml)")
    return found


def _read(path: Path) -> PublishedTables:
    try:
        return PublishedTables.model_validate(yaml_values(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} has no published tables that can be read: {error}") from error
