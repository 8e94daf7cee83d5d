"""Reads lists of who wants to be left out of a dataset, and tells which videos that concerns.

A list has a JSON object a line, which names one of these:

    {"id": "dQw4w9WgXcQ"}                          a video by its id, in the dataset or on YouTube
    {"address": "https://example.org/film.mp4"}    a video by its address
    {"channel": "UCuAXFkgsw1L7xaCfnd5JJOw"}        all videos of a channel, by its id or its whole name
    {"kind": "channel", "sha256": "6b5f..."}       the same as a hash, as a release's optout.jsonl has it

`"lifted": true` ends an opt-out; `date` and `note` are for people. Names are compared by hashes, so that a list can be
handed on without saying who is on it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from curation.sources.addresses import canonical, youtube_id, youtube_url
from schemas.errors import ConfigError, RefusedError
from schemas.kit.utf8 import is_utf8
from schemas.records import Publication, Source
from schemas.safe_text import plain
from schemas.secret_addresses import without_secrets

REASON = "opted_out"  # the reason slug of a video that is left out for an opt-out
Kind = Literal["id", "address", "channel"]
_KINDS = get_args(Kind)
_REMARKS = ("date", "note")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HANDLE = re.compile(r"^\s*@|youtube\.com/@")
_LONGEST = 10_000  # characters of a line
_ROW = ("channel", "channel_id", "uploader")  # columns of a list that name a channel


class OptOut(NamedTuple):
    """An opt-out: what kind of name it has, its hash, and the name of an id that was given in plain text."""

    kind: Kind
    sha256: str
    name: str | None = None

    @property
    def key(self) -> str:
        """The text that `keys_of` gives for the videos that it concerns."""
        return f"{self.kind} {self.sha256}"


class OptOutList(NamedTuple):
    """The opt-outs that a list puts in force, and those that it lifts; each once, by key."""

    in_force: dict[str, OptOut]
    lifted: dict[str, OptOut]


def read_opt_outs(path: Path) -> OptOutList:
    """Read a list. Of several lines about one name the last counts.

    Raises ConfigError for a file that cannot be read, and for a wrong line, with its number.
    """
    found = OptOutList({}, {})
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(iter(lambda: stream.readline(_LONGEST + 2), ""), start=1):
                if not line.strip():
                    continue
                try:
                    one, lifted = _parsed(line)
                except ValueError as error:
                    raise ConfigError(f"{path}: line {number}: {error}") from error
                into, other = (found.lifted, found.in_force) if lifted else (found.in_force, found.lifted)
                into[one.key] = one
                other.pop(one.key, None)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not text in UTF-8 (byte {error.start} of a block); save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: the list of opt-outs cannot be read ({error.strerror or error}); put it back, or correct "
            "refresh.opt_outs"
        ) from error
    return found


def opt_out(kind: Kind, name: str) -> OptOut:
    """The opt-out of a name. Raises ValueError, which says what is wrong with the name."""
    normal = _normal(kind, name)
    return OptOut(kind, _hash(kind, normal), normal if kind == "id" else None)


def keys_of(source: Source, publication: Publication | None = None) -> frozenset[str]:
    """The keys of all opt-outs that concern a video: by its ids, its addresses, and who published it."""
    row = source.metadata
    said = publication or Publication()
    places = [source.uri if source.kind != "file" else None, said.webpage_url]
    addresses = [without_secrets(place) for place in places if place]
    ids = [source.id, row.get("id"), *map(youtube_id, addresses)]
    channels = [said.channel, said.channel_id, said.uploader, *(row.get(name) for name in _ROW)]
    named: dict[Kind, Iterable[str | None]] = {"id": ids, "address": addresses, "channel": channels}
    return frozenset(key for kind, names in named.items() for name in names if name for key in _keys(kind, name))


def _keys(kind: Kind, name: str) -> Iterator[str]:
    try:
        yield opt_out(kind, name).key
    except ValueError:
        return  # a publisher may say anything, also what no list can name


def _parsed(line: str) -> tuple[OptOut, bool]:
    """A line of a list, and whether it lifts the opt-out. Raises ValueError in plain words."""
    if len(line) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST:,} characters")
    try:
        fields = json.loads(line, object_pairs_hook=_once)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError('not JSON; a line looks like {"id": "..."}') from error
    if not isinstance(fields, dict):
        raise ValueError('not a JSON object; a line looks like {"id": "..."}')
    lifted = fields.pop("lifted", False)
    if not isinstance(lifted, bool):
        raise ValueError('"lifted" is true or false')
    for name in _REMARKS:
        if not isinstance(fields.pop(name, ""), str):
            raise ValueError(f'"{name}" is a text')
    if set(fields) == {"kind", "sha256"}:
        if fields["kind"] not in _KINDS or not _SHA256.fullmatch(str(fields["sha256"])):
            raise ValueError(f'"kind" is one of {", ".join(_KINDS)}, and "sha256" has 64 hex digits')
        return OptOut(fields["kind"], fields["sha256"]), lifted
    if unknown := sorted(set(fields) - set(_KINDS)):
        known = ", ".join((*_KINDS, "lifted", *_REMARKS))
        raise ValueError(f"unknown key {plain(unknown[0], 40)!r} (known here: {known})")
    if len(fields) != 1:
        raise ValueError(f"name one of {', '.join(_KINDS)}; it names {len(fields)}")
    ((kind, name),) = fields.items()
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f'"{kind}" is a text that is not empty')
    if kind == "channel" and _HANDLE.search(name):
        raise ValueError(
            "a handle (@name) is not known of videos: name the channel by its id (UC..., in the source of its page) or "
            "by its whole name"
        )
    return opt_out(kind, name), lifted


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands there twice")
    return fields


def _normal(kind: Kind, name: str) -> str:
    """A name in the form that is compared."""
    name = name.strip()
    if not is_utf8(name):
        raise ValueError(f"the {kind} is not text in UTF-8")
    if kind == "id":
        return name
    if kind == "channel":
        return " ".join((_channel_in(name) if "://" in name else name).split()).casefold()
    if "://" not in name:
        raise ValueError("an address begins with https:// or the like; name a local file by its id")
    known = youtube_id(name)
    try:
        address = youtube_url(known) if known else canonical(without_secrets(name))
    except RefusedError as error:
        raise ValueError(f"not an address: {error.evidence}") from error
    return f"https{address.removeprefix('http')}" if address.startswith("http://") else address


def _channel_in(address: str) -> str:
    """The id of a channel in its address: the part behind /channel/, /c/ or /user/, else the last one."""
    parts = [part for part in re.split(r"[?#]", address, maxsplit=1)[0].split("/") if part]
    named = [part for before, part in pairwise(parts) if before in ("channel", "c", "user")]
    return named[0] if named else parts[-1] if parts else address


def _hash(kind: Kind, normal: str) -> str:
    return hashlib.sha256(f"{kind}\0{normal}".encode()).hexdigest()
