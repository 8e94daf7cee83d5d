"""Reads .csv and .tsv files row by row, so that no line disappears in a field of another row.

CSV is read strictly (RFC 4180). A quotation mark that is not closed would take all lines up to the next one into one
field, or up to the end of the file. Such a row is reported, and reading goes on with the line after its first one.

A TSV file has no quotation marks where a database or a data set wrote it, and those of CSV where a spreadsheet or
Python's csv module did. So a line is split at its tabs, and marks are read as CSV's only where that gives a whole row.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from curation.sources.folders import VIDEO_SUFFIXES
from curation.sources.rows import MAX_LINE, BadRow, Line, Lines, Row, Rows
from schemas.errors import ConfigError

_YOUTUBE = re.compile(r"(?:v_)?([A-Za-z0-9_-]{11})")
_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|(?:www\.|m\.)?youtube\.com/|youtu\.be/)\S+")
_UNCLOSED = "a quotation mark opens a field and is never closed"


class _Record(NamedTuple):
    """The cells of a row (None: it cannot be read, and `problem` says why), and the lines that it takes."""

    cells: list[str] | None
    lines: list[Line]
    problem: str = ""


def read_header(path: Path) -> list[str]:
    """The names of the columns of a .csv or .tsv file; empty for an empty file. Raises ConfigError."""
    with Lines(path) as lines:
        for record in _records(lines, path, [], None):
            if record.cells is None:
                line = record.lines[0].number
                raise ConfigError(f"{path.name}: line {line}: the header cannot be read: {record.problem}")
            return record.cells
    return []


def table_rows(path: Path, header: Sequence[str], address: int) -> Rows:
    """Yield the rows below the header of a .csv or .tsv file; empty lines are passed over.

    `address` is the position of the column of addresses. A row that cannot be read is BadRow `unreadable_row`, and one
    with more fields than the header `malformed_row`.
    """
    with Lines(path) as lines:
        for number, record in enumerate(_records(lines, path, header, address)):
            if number == 0:
                continue  # the header
            line = record.lines[0].number
            text = "".join(taken.text for taken in record.lines)
            if record.cells is None:
                yield BadRow(number, "unreadable_row", record.problem, text, line)
            elif len(record.cells) > len(header):
                evidence = f"{len(record.cells)} fields under {len(header)} columns"
                yield BadRow(number, "malformed_row", evidence, text, line)
            else:
                yield Row(number, dict(zip(header, record.cells, strict=False)), line)


def _records(lines: Lines, path: Path, header: Sequence[str], address: int | None) -> Iterator[_Record]:
    tabs = path.suffix.lower() == ".tsv"
    while (first := lines.next()) is not None:
        if first.text.strip("\r\n"):
            lines.put_back([first])
            yield _tsv_record(lines, header) if tabs else _csv_record(lines, address)


def _csv_record(lines: Lines, address: int | None) -> _Record:
    record = _parsed(lines, ",")
    rest = record.lines[1:]
    if record.cells is not None and address is not None and any(_is_row(line.text, address) for line in rest):
        # The mark was closed by chance, by one that opens a field of a later row.
        last = record.lines[-1].number
        record = record._replace(cells=None, problem=f"{_UNCLOSED} before line {last}, and rows stand between the two")
    if record.cells is None:
        lines.put_back(rest)
        record = record._replace(lines=record.lines[:1])
    return record


def _tsv_record(lines: Lines, header: Sequence[str]) -> _Record:
    def within(line: Line) -> bool:
        return len(line.text.split("\t")) < len(header)

    record = _parsed(lines, "\t", within)
    if record.cells is not None and len(record.lines) > 1 and len(record.cells) == len(header):
        return record
    lines.put_back(record.lines[1:])
    first = record.lines[0]
    if not first.whole:
        return _Record(None, [first], record.problem)
    split = first.text.rstrip("\r\n").split("\t")
    quoted = record.cells if len(record.lines) == 1 else None
    return _Record(quoted if quoted and len(quoted) in (len(split), len(header)) else split, [first])


def _parsed(lines: Lines, delimiter: str, within: Callable[[Line], bool] = lambda _line: True) -> _Record:
    """Parse one row strictly. It may take several lines, of at most 2**20 characters, as long as they are `within`."""
    taken: list[Line] = []

    def feed() -> Iterator[str]:
        size = 0
        while (line := lines.next()) is not None:
            taken.append(line)
            size += len(line.text)
            if not line.whole or (len(taken) > 1 and (size > MAX_LINE or not within(line))):
                return
            yield line.text

    try:
        cells = next(csv.reader(feed(), delimiter=delimiter, strict=True), None)
    except csv.Error as error:
        cells, said = None, str(error)
    else:
        said = "" if cells is not None else "unexpected end of data"
    if cells is not None:
        return _Record(cells, taken)
    if not taken[0].whole:
        return _Record(None, taken, f"a line of more than {MAX_LINE} characters")
    if len(taken) > 1 or said == "unexpected end of data":
        return _Record(None, taken, _UNCLOSED)
    if "expected after" in said:
        return _Record(None, taken, "text after a closing quotation mark: inside of a field the mark is written twice")
    return _Record(None, taken, said)


def _is_row(text: str, address: int) -> bool:
    """Whether a line alone looks like a row: it has several cells, and one that can only be an address in its place."""
    try:
        cells = next(csv.reader([text]), [])
    except csv.Error:
        return False
    if len(cells) < max(2, address + 1):
        return False
    cell = cells[address].strip()
    video = _YOUTUBE.fullmatch(cell)
    if video is not None:
        word = video[1]
        return word not in (word.lower(), word.upper(), word.capitalize()) or not word.isalpha()
    return bool(_URL.fullmatch(cell)) or Path(cell).suffix.lower() in VIDEO_SUFFIXES
