"""Reads list files row by row: .csv, .tsv, .jsonl, .txt, .parquet, and data sets of the Hugging Face Hub.

Memory does not grow with the list. A row that cannot be read is yielded as `BadRow` with the reason, and reading goes
on with the next row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from curation.sources.rows import MAX_LINE, BadRow, Lines, Row, Rows
from curation.sources.tables import read_header, table_rows
from schemas.configuration.config import SourceSpec
from schemas.errors import ConfigError, RunStopped

LIST_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".txt")
HUB = "hf://datasets/"
# In order of preference: a full address is more precise than an id, and an id more precise than a file name.
ADDRESS_COLUMNS = (
    *("url", "video_url", "link", "video_link", "webpage_url", "uri", "youtube_url", "address", "source"),
    *("youtube_id", "ytid", "yt_id", "youtube", "video_id", "videoid", "vid"),
    *("path", "file", "filename", "file_name", "filepath", "file_path", "video", "video_path", "id"),
)
ID_COLUMNS = ("id", "video_id", "videoid", "uid", "sample_id", "youtube_id", "ytid", "yt_id")
TITLE_COLUMNS = ("title", "video_title", "name")
METADATA_COLUMNS = ("licence", "license", "language", "channel", "channel_id", "uploader", "category", "split")
_PEEK = 100
_REVISION = re.compile(r"(?P<name>[^@]+)(?:@(?P<revision>[^@]+))?")


class Columns(NamedTuple):
    """The names of the columns that hold the address, the id and the title; None where the list has none.

    `metadata` maps other columns, as the list writes them, to the names that their cells are stored under.
    """

    address: str
    id: str | None
    title: str | None
    metadata: Mapping[str, str]


def read_list(path: Path, spec: SourceSpec) -> tuple[Columns, Rows]:
    """Open a list file and return its columns and its rows.

    Raises ConfigError, with the name of the file, when the file is not a list of its format or has no address column.
    """
    suffix = path.suffix.lower()
    if suffix == ".txt":
        return Columns("address", None, None, {}), _text_rows(path)
    if suffix == ".parquet":
        return _parquet(path, spec)
    if suffix in (".csv", ".tsv"):
        header = read_header(path)
        columns = find_columns(header, spec, path.name)
        return columns, table_rows(path, header, header.index(columns.address))
    rows = _json_rows(path)
    first = list(islice(rows, _PEEK))
    names = list(dict.fromkeys(chain.from_iterable(row.values for row in first if isinstance(row, Row))))
    if not names and first and isinstance(first[0], BadRow):
        raise ConfigError(f"{path.name}: no readable row; row {first[0].number}: {first[0].evidence}")
    return find_columns(names, spec, path.name), chain(first, rows)


def read_hub(spec: SourceSpec, base: Path) -> tuple[Columns, Rows]:
    """Stream the rows of a data set of the Hub; `hf://datasets/./folder` is a local folder in the same layout.

    Raises ConfigError when the data set, its revision or the split does not exist, and RunStopped when the connection
    breaks later; then the same command continues the run.
    """
    import datasets
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    match = _REVISION.fullmatch(spec.at.removeprefix(HUB))
    if match is None:
        raise ConfigError(f"sources.at: {spec.at!r} is not {HUB}OWNER/NAME[@revision]")
    name = match["name"]
    if name.startswith(("/", "./", "../")):
        folder = (base / name).resolve()
        if not folder.is_dir():
            raise ConfigError(f"sources.at: no folder {name!r}")
        name = str(folder)
    try:
        rows = datasets.load_dataset(name, split=spec.split, revision=match["revision"], streaming=True)
        names = rows.column_names
        if names is None:
            with closing(iter(rows)) as peek:
                names = list(next(peek, {}))
    except (DatasetNotFoundError, HFValidationError, HfHubHTTPError, ValueError, OSError) as error:
        raise ConfigError(
            f"sources.at: {spec.at} (split {spec.split!r}) cannot be read: {_first_line(error)}"
        ) from error
    columns = find_columns(names, spec, spec.at)

    def read() -> Rows:
        number = 0
        try:
            for values in rows.select_columns(_needed(columns)):
                number += 1
                yield Row(number, values)
        except (HfHubHTTPError, OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise RunStopped(f"{spec.at}: row {number + 1} cannot be read: {_first_line(error)}") from error

    return columns, read()


def find_columns(names: list[str], spec: SourceSpec, where: str) -> Columns:
    """Choose the columns: those that the configuration names, else columns with common names in any letter case.

    Raises ConfigError, with the name of the list and its columns, when a named column or an address column is missing.
    """
    by_folded = {name.strip().casefold(): name for name in reversed(names)}

    def chosen(key: str, given: str | None, common: tuple[str, ...]) -> str | None:
        if given is None:
            return next((by_folded[name] for name in common if name in by_folded), None)
        if given not in names:
            raise ConfigError(f"{where}: sources.{key} is {given!r}, but the columns are {_enumerate(names)}")
        return given

    address = chosen("column", spec.column, ADDRESS_COLUMNS)
    if address is None:
        raise ConfigError(
            f"{where}: no column looks like an address; the columns are {_enumerate(names)}: "
            "name the right one as `column` (a table needs a header row)"
        )
    metadata = {by_folded[name]: name.replace("license", "licence") for name in METADATA_COLUMNS if name in by_folded}
    title = chosen("title_column", spec.title_column, TITLE_COLUMNS)
    return Columns(address, chosen("id_column", spec.id_column, ID_COLUMNS), title, metadata)


def _needed(columns: Columns) -> list[str]:
    names = [columns.address, columns.id, columns.title, *columns.metadata]
    return list(dict.fromkeys(name for name in names if name is not None))


def _json_rows(path: Path) -> Rows:
    for item in _lines(path):
        if isinstance(item, BadRow):
            yield item
            continue
        number, text = item
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            yield BadRow(number, "unreadable_row", f"{type(error).__name__}: {error}"[:300], text)
            continue
        if isinstance(values, dict):
            yield Row(number, values)
        else:
            evidence = f"a JSON {type(values).__name__} where an object is expected"
            yield BadRow(number, "malformed_row", evidence, text)


def _text_rows(path: Path) -> Rows:
    for item in _lines(path):
        if isinstance(item, BadRow):
            yield item
        elif not item[1].startswith("#"):
            yield Row(item[0], {"address": item[1]})


def _lines(path: Path) -> Iterator[tuple[int, str] | BadRow]:
    """Yield the lines that are not empty, stripped, with their numbers; a line that is too long as BadRow."""
    with Lines(path) as lines:
        for line in lines:
            if not line.whole:
                evidence = f"a line of more than {MAX_LINE} characters"
                yield BadRow(line.number, "unreadable_row", evidence, line.text)
            elif text := line.text.strip():
                yield line.number, text


def _parquet(path: Path, spec: SourceSpec) -> tuple[Columns, Rows]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: not a readable Parquet file: {_first_line(error)}") from error
    columns = find_columns(file.schema_arrow.names, spec, path.name)

    def read() -> Rows:
        number = 0
        with file:
            try:
                for batch in file.iter_batches(batch_size=1024, columns=_needed(columns)):
                    for values in batch.to_pylist():
                        number += 1
                        yield Row(number, values)
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{path.name}: damaged after row {number}: {_first_line(error)}") from error

    return columns, read()


def _enumerate(names: list[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:30]) or "none"
    return shown + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"[:300]
