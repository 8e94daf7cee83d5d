"""What consumers are to read of a release: its parts by the manifest, and the rows whose values are compared.

Every consumer reads the ids of all rows. Values are compared for rows of some files: of all files where a part is
small, else of the first, the middle and the last one. So a large release takes minutes, not hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from curation.dataset.layout import MANIFEST
from schemas.manifest import ExportedFile
from schemas.records import Record
from schemas.release import ConfigurationCount, ReleaseManifest

WHOLE_BYTES = 256 * 10**6  # a part of so many bytes is loaded whole
ROWS_A_FILE = 16
_FIRST_ROWS = 3  # readers of a stream begin at the beginning


class PlannedFile(Record):
    """A Parquet file: its path relative to the release, its rows, its bytes; `opened`: its rows are read whole."""

    path: str
    rows: int
    bytes: int
    opened: bool


class Part(Record):
    """One split of a configuration. Rows are counted from 0, through all files.

    `columns`: the names of the columns and of their types, in order; empty where the manifest does not state them.
    """

    configuration: str
    split: str
    columns: dict[str, str]
    files: tuple[PlannedFile, ...]

    @property
    def name(self) -> str:
        """The part in messages: `full/train`."""
        return f"{self.configuration}/{self.split}"

    @property
    def rows(self) -> int:
        """The rows of all files, as the manifest states them."""
        return sum(file.rows for file in self.files)

    @property
    def whole(self) -> bool:
        """Whether all files are opened."""
        return all(file.opened for file in self.files)

    @property
    def key(self) -> str:
        """The column that tells rows apart: `id`, or the first one where there is none."""
        return "id" if "id" in self.columns or not self.columns else next(iter(self.columns))

    def sampled(self) -> list[tuple[PlannedFile, int, int]]:
        """The rows whose values are compared, ascending: the file, the row in the file, and the row in the part."""
        starts = [0, *accumulate(file.rows for file in self.files)]
        return [
            (file, row, start + row)
            for file, start in zip(self.files, starts, strict=False)
            if file.opened
            for row in _rows(file.rows)
        ]

    def opened(self) -> Iterator[tuple[int, int]]:
        """The rows of the opened files, as (the first row in the part, how many), file by file."""
        start = 0
        for file in self.files:
            if file.opened:
                yield start, file.rows
            start += file.rows


class ReadingPlan(Record):
    """All parts, and the folder `release` in which a consumer finds them, as links to the files in `origin`."""

    release: str
    origin: str
    parts: tuple[Part, ...]


def parts_of(manifest: ReleaseManifest) -> tuple[Part, ...]:
    """The parts of a release: every configuration and split that its manifest counts, also one without files."""
    files = {file.path: file for file in manifest.files if file.path.endswith(".parquet")}
    return tuple(
        _part(
            configuration,
            split.split,
            [file for path, file in sorted(files.items()) if _belongs(path, configuration.name, split.split)],
        )
        for configuration in manifest.configurations
        for split in configuration.splits
    )


def count_problems(manifest: ReleaseManifest) -> list[str]:
    """Where the numbers of a manifest contradict each other, in words."""
    told, parts = [], {(part.configuration, part.split): part for part in parts_of(manifest)}
    for configuration in manifest.configurations:
        for split in configuration.splits:
            part = parts[configuration.name, split.split]
            if (part.rows, len(part.files)) != (split.rows, split.shards):
                told.append(
                    f"{MANIFEST}: {part.name} has {part.rows} rows in {len(part.files)} files by its list of files, "
                    f"and {split.rows} rows in {split.shards} files by its configurations"
                )
    listed = {file.path for part in parts.values() for file in part.files}
    told += [
        f"{MANIFEST}: {file.path} belongs to no configuration"
        for file in manifest.files
        if file.path.endswith(".parquet") and file.path.count("/") == 1 and file.path not in listed
    ]
    return told


def link_release(folder: Path, manifest: ReleaseManifest, view: Path) -> list[str]:
    """Make the folder `view` with links to the manifest's files, as a copy of the release at another place.

    Returns what cannot be linked, in words: what is missing, and links, which could lead out of the release.
    """
    root, told = folder.resolve(), []
    for path in (MANIFEST, *(file.path for file in manifest.files)):
        source = root / path
        if not source.is_file():
            told.append(f"{path}: missing")
        elif source.is_symlink() or source.resolve() != source:
            told.append(f"{path}: a link")
        else:
            try:
                (view / path).parent.mkdir(parents=True, exist_ok=True)
                (view / path).symlink_to(source)
            except FileExistsError:
                told.append(f"{path}: its name stands twice in {MANIFEST}")
    return told


def linked_subset(plan: ReadingPlan, part: Part, folder: Path) -> Path:
    """A folder in which the part has its opened files only, under their names; the rest is as in the release."""
    if part.whole:
        return Path(plan.release)
    left_out = {file.path for file in part.files if not file.opened}
    root = Path(plan.release)
    for source in root.rglob("*"):
        path = source.relative_to(root).as_posix()
        if not source.is_dir() and path not in left_out:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to(source.resolve())
    return folder


def _belongs(path: str, configuration: str, split: str) -> bool:
    return path.startswith(f"{configuration}/{split}-") and path.count("/") == 1


def _part(configuration: ConfigurationCount, split: str, files: list[ExportedFile]) -> Part:
    whole = sum(file.bytes for file in files) <= WHOLE_BYTES
    opened = {0, len(files) // 2, len(files) - 1}
    return Part(
        configuration=configuration.name,
        split=split,
        columns=configuration.columns,
        files=tuple(
            PlannedFile(path=file.path, rows=max(file.rows or 0, 0), bytes=file.bytes, opened=whole or number in opened)
            for number, file in enumerate(files)
        ),
    )


def _rows(count: int) -> list[int]:
    spread = {round(step * (count - 1) / (ROWS_A_FILE - 1)) for step in range(ROWS_A_FILE)} if count else set()
    return sorted(spread | set(range(min(_FIRST_ROWS, count))))
