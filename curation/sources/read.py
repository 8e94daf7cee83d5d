"""Reads what the user names as sources (a file, folder, address, list or data set) into `Source` records.

The records come one at a time; every row becomes a `Source` or a `Rejection`. Memory does not grow with the list: the
ids and addresses that were read are kept in a temporary database on disk. Titles and ids from outside are data; no
path is made of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from curation.sources import folders, list_files
from curation.sources.interpret import Place, derived_id, interpret
from curation.sources.rows import BadRow, Rows
from curation.sources.seen import Seen, origin_text
from curation.sources.signed import SignedAddresses
from curation.sources.subtitle_files import SubtitleFiles
from schemas.configuration.config import SourceSpec, resolve_path
from schemas.errors import ConfigError, PermanentError, StageError
from schemas.kit.utf8 import is_utf8, quoted, utf8_text
from schemas.records import Origin, Rejection, Source
from schemas.safe_text import file_name, public_address
from schemas.secret_addresses import hide_secrets, without_secrets

COMMAND_LINE = "command line"
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read_sources(
    spec: SourceSpec,
    *,
    base: Path,
    schemes: Sequence[str] = ("http", "https"),
    seen: Seen | None = None,
    signed: SignedAddresses | None = None,
    subtitles: Sequence[str] = (),
) -> Iterator[Source | Rejection]:
    """Yield all videos of one place: those of a list in its order, those of a folder in the natural order of names.

    `base` is the folder that a relative `spec.at` starts from; paths in a list start from the list's folder.
    `schemes` are the allowed schemes of URLs. A row that gives no source is a `Rejection` of stage `source`; its id
    follows from what stands in the row (see Seen). Pass the same `seen` to several calls to find repetitions between
    them. Sources have no signatures and keys in their addresses; `signed` gets the addresses that have, as they are.
    Files of subtitles in the languages `subtitles` are looked for beside local videos.

    Raises ConfigError when `spec.at` does not exist, cannot be read or holds no video, and RunStopped when the
    connection to a remote data set breaks.
    """
    known = Seen() if seen is None else seen
    beside = SubtitleFiles(subtitles) if subtitles else None
    empty = True
    try:
        for item in _read(spec, base, schemes, _Reading(known, signed, beside)):
            empty = False
            yield item
    except OSError as error:
        raise ConfigError(f"{_at(spec)} cannot be read: {error.strerror or error}") from error
    finally:
        if seen is None:
            known.close()
    if empty:
        raise ConfigError(f"sources.at: there is no video in {without_secrets(spec.at)!r}{_wanted(spec, base)}")


def _wanted(spec: SourceSpec, base: Path) -> str:
    """What would be a video there, for whoever named a place without one."""
    if spec.at.startswith(list_files.HUB) or not resolve_path(spec.at, base).is_dir():
        return ": it has no row below its header; write one address a row (docs/guides/sources.md)"
    endings = " ".join(sorted(folders.VIDEO_SUFFIXES))
    below = "also in folders inside" if spec.recursive else "not in folders inside (`recursive: false`)"
    return f": files with these endings are looked for, {below}: {endings}. A list of addresses is named by its file"


class _Reading(NamedTuple):
    """What a reading of sources remembers."""

    seen: Seen
    signed: SignedAddresses | None
    beside: SubtitleFiles | None


class _Spot(NamedTuple):
    """A row of a list or an entry of a folder that is being read, with its line in a table of text."""

    reading: _Reading
    origin: Origin
    line: int | None = None

    def reject(
        self, error: StageError, *texts: str | None, title: str | None = None, asked: str | None = None
    ) -> Rejection:
        """The rejection of the row; its id follows from `texts`, which is what stands in the row.

        `title` and `asked`, the address, name the video for people, as the row gives them.
        """
        where = origin_text(self.origin) + (f", line {self.line}" if self.line is not None else "")
        return Rejection(
            id=self.reading.seen.unusable_id("\0".join(text or "" for text in texts)),
            stage="source",
            error_class=error.error_class,
            reason=error.reason,
            evidence=utf8_text(f"{where}: {error.evidence}"),
            title=_told(title) if title else None,
            address=public_address(utf8_text(asked)) if asked else None,
        )


def _read(spec: SourceSpec, base: Path, schemes: Sequence[str], reading: _Reading) -> Iterator[Source | Rejection]:
    if spec.at.startswith(list_files.HUB):
        columns, rows = list_files.read_hub(spec, base)
        yield from _from_rows(rows, columns, spec.at, None, schemes, reading)
        return
    path = None if "://" in spec.at else resolve_path(spec.at, base)
    if path is not None and path.is_dir():
        reading.seen.pass_place(_label(path, base), str(path.resolve()))
        yield from _from_folder(path, _label(path, base), spec, reading)
    elif path is not None and path.is_file() and path.suffix.lower() in list_files.LIST_SUFFIXES:
        reading.seen.pass_place(_label(path, base), str(path.resolve()))
        columns, rows = list_files.read_list(path, spec)
        yield from _from_rows(rows, columns, _label(path, base), path.parent, schemes, reading)
    else:
        try:
            place = interpret(spec.at, base, schemes)
        except StageError as error:
            raise ConfigError(f"{_at(spec)}: {error}") from error
        yield _admit(place, _Spot(reading, Origin(list_name=COMMAND_LINE, row=0)))


def _from_folder(folder: Path, label: str, spec: SourceSpec, reading: _Reading) -> Iterator[Source | Rejection]:
    entries = folders.walk(folder, recursive=spec.recursive, follow_links=spec.follow_links)
    inside = None if spec.follow_links else folder.resolve()
    for row, entry in enumerate(entries, start=1):
        spot = _Spot(reading, Origin(list_name=label, row=row))
        reading.seen.pass_row(spot.origin)
        if isinstance(entry, folders.Unusable):
            yield spot.reject(entry.error, entry.name, asked=entry.name)
        else:
            place = Place("file", entry.path, entry.path, named=str(folder.absolute() / entry.name))
            yield _admit(place, spot, title=Path(entry.name).stem, inside=inside)
    reading.seen.pass_end(label)


def _from_rows(
    rows: Rows, columns: list_files.Columns, label: str, folder: Path | None, schemes: Sequence[str], reading: _Reading
) -> Iterator[Source | Rejection]:
    for row in rows:
        spot = _Spot(reading, Origin(list_name=label, row=row.number), row.line)
        reading.seen.pass_row(spot.origin)
        if isinstance(row, BadRow):
            yield spot.reject(PermanentError(row.reason, row.evidence), row.text)
            continue
        cells = (
            _scalar(row.values.get(name)) if name else None for name in (columns.address, columns.id, columns.title)
        )
        address, explicit, title = cells
        try:
            if not address:
                raise PermanentError("no_address", f"nothing in column {quoted(columns.address)}")
            if not is_utf8(address):
                raise PermanentError("unreadable_row", "the address is not text in UTF-8")
            place = interpret(address, folder, schemes)
        except StageError as error:
            yield spot.reject(error, address, explicit, title, title=title, asked=address)
            continue
        yield _admit(place, spot, title=title, explicit=explicit, metadata=_metadata(row.values, columns))
    reading.seen.pass_end(label)


def _admit(
    place: Place,
    spot: _Spot,
    *,
    title: str | None = None,
    explicit: str | None = None,
    metadata: Mapping[str, str] | None = None,
    inside: Path | None = None,
) -> Source | Rejection:
    """The source of an address; a rejection when it was read before or its path is not text in UTF-8.

    Subtitles beside a file are looked for, if at all, `inside` a folder or anywhere.
    """
    facts = dict(metadata or {})
    identity = place.youtube or derived_id(place.canonical)
    if explicit and _SAFE_ID.fullmatch(explicit):
        identity = explicit
    elif explicit:
        facts["id"] = _told(without_secrets(explicit))
    try:
        if not is_utf8(place.uri):
            raise PermanentError("undecodable_name", f"{quoted(place.uri.rpartition('/')[2])} is not a name in UTF-8")
        text = _told(title) if title else None
        source = Source(id=identity, kind=place.kind, uri=place.uri, title=text, origin=spot.origin, metadata=facts)
        spot.reading.seen.add(source, place.canonical)
        if spot.reading.beside is not None and place.named is not None:
            found = spot.reading.beside.beside(place.named, spoken=facts.get("language"), inside=inside)
            source = source.model_copy(update={"subtitles": found})
    except PermanentError as error:
        asked = file_name(place.uri) if place.kind == "file" else place.uri
        return spot.reject(error, place.canonical, explicit, title, title=title, asked=asked)
    if place.signed is not None and spot.reading.signed is not None:
        spot.reading.signed.keep(place.uri, place.signed)
    return source


def _metadata(values: Mapping[str, Any], columns: list_files.Columns) -> dict[str, str]:
    cells = {name: _scalar(values.get(column)) for column, name in columns.metadata.items()}
    return {name: _told(text) for name, text in cells.items() if text}


def _told(text: str) -> str:
    """A cell as a record may keep it: text in UTF-8, without signatures and passwords of addresses in it."""
    return utf8_text(hide_secrets(text))


def _at(spec: SourceSpec) -> str:
    return f"sources.at: {without_secrets(spec.at)!r}"


def _scalar(value: Any) -> str | None:
    """A cell as text; None for an empty cell, a truth value, a number that is not finite, a list or a record."""
    if value is None or isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return str(value).strip() if isinstance(value, str | int | float) else None


def _label(path: Path, base: Path) -> str:
    """The name of a list without the machine's folders: its path relative to `base` where it lies below `base`."""
    resolved, root = path.resolve(), base.resolve()
    return utf8_text(resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else resolved.name)
