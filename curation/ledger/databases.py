"""Opens the database of a workspace's ledger: a SQLite file, or the PostgreSQL database that V2XUM_LEDGER names.

In PostgreSQL each workspace has its own schema and notes the name of that schema. So several workspaces can share a
database. The address holds a password: it stays in the environment, and no file and no message repeats it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import sqlalchemy as sa

from curation.ledger.claims import Claim
from curation.ledger.integrity import QUICK_BYTES, came_alone, check_pages, fault_of_files, is_blank
from curation.ledger.ledger import Ledger
from curation.ledger.mark import MARK, Mark, Marker, mark_of, read_mark, write_mark
from curation.ledger.part import ledger_name
from schemas.errors import ConfigError, LedgerDamaged, RunStopped, is_storage_full

LEDGER = "V2XUM_LEDGER"
FILE = "ledger.sqlite"
_NOTE = "ledger.postgresql"
_EXPORTED = "export/manifest.json"
_SCHEMA = re.compile(r"v2xum_[0-9a-f]{16}")
# Of a machine that is cut off, no connection hangs for longer: its claims end meanwhile.
_PATIENCE = {"connect_timeout": "15", "tcp_user_timeout": "30000", "keepalives_idle": "15", "keepalives_interval": "5"}
_COPIES, _COPY_AGAIN = 20, 0.2  # tries, and seconds between them


def has_ledger(root: Path) -> bool:
    """Whether a ledger was ever made for the workspace at `root`, even if it is gone now."""
    return any((root / name).exists() for name in (FILE, _NOTE, MARK))


def open_ledger(root: Path, *, accept: bool = False, fence: Claim | None = None) -> Ledger:
    """The ledger of the workspace at `root`, made when there never was one.

    `accept`: take the ledger as it is for the workspace's, whatever its mark says. `fence`: the claim under which it is
    written, in PostgreSQL. Raises LedgerDamaged for a ledger
    that is damaged, empty, exchanged or older than its mark, PermissionError where this user may not write to it, and
    ConfigError when V2XUM_LEDGER names no database that can be used, or disagrees with where the ledger is.
    """
    mark = None if accept else read_mark(root)
    url = postgresql_address(LEDGER)
    if url is None:
        if (root / _NOTE).exists() or (mark is not None and mark.place != FILE):
            raise ConfigError(f"{root}: its ledger is in PostgreSQL; set {LEDGER} to the address of that database")
        alone = not accept and stands_alone(root, mark)
        return _marked(root, _in_file(root, mark, accept=accept), FILE, mark, accept=accept, alone=alone)
    if (root / FILE).exists() or (mark is not None and mark.place == FILE):
        raise ConfigError(f"{root}: its ledger is in {FILE}; unset {LEDGER}, or use another --workspace")
    with _told(url):
        schema = _schema_of(root, url, mark)
        ledger = _connected(url, schema, f"the ledger of {root}", fence)
    return _marked(root, ledger, schema, mark, accept=accept)


def open_shared(schema: str, fence: Claim | None = None) -> Ledger:
    """The ledger of this schema at V2XUM_LEDGER, for a process that has not the folder of its workspace.

    `fence`: the claim under which it is written. Nothing is compared with the workspace's mark, and none is written.
    Raises ConfigError and LedgerDamaged as `open_ledger`, ConfigError also where V2XUM_LEDGER is not set.
    """
    url = postgresql_address(LEDGER)
    if url is None:
        raise ConfigError(f"{LEDGER} is not set: it is the address of the PostgreSQL database that the machines share")
    if not _SCHEMA.fullmatch(schema):
        raise ConfigError(f"{schema!r} is not the name of a ledger")
    with _told(url):
        return _connected(url, schema, "the ledger that the machines share", fence)


def open_claims(root: Path) -> Ledger | None:
    """The ledger of the workspace at `root` for its claims alone, made when there never was one; None for a file.

    Whatever the mark says: who works on a ledger is known before it is compared. Raises as `open_ledger`.
    """
    if (root / FILE).exists():
        return None
    schema, url = postgresql_schema(root), postgresql_address(LEDGER)
    if url is None:
        if schema is not None:
            raise ConfigError(f"{root}: its ledger is in PostgreSQL; set {LEDGER} to the address of that database")
        return None
    if schema is None and ((root / MARK).exists() or _had_rows(root)):
        return None  # its ledger is gone, which is told when it is opened
    with _told(url):
        schema = _schema_of(root, url, None) if schema is None else _valid(root, schema)
        return _connected(url, schema, f"the ledger of {root}", None)


def copy_ledger(root: Path, to: Path) -> None:
    """Copy a workspace's ledger, as its files are at one moment, to the folder `to`; nothing is opened.

    A run may write meanwhile. It changes the file itself only when it empties the write-ahead log into it: then the
    copy is made again. Where the ledger is in PostgreSQL, the copied note names it. Raises OSError, and RunStopped when
    the files change all the time.
    """
    for _ in range(_COPIES):
        before = _state(root)
        for name in (_NOTE, MARK, f"{FILE}-wal", FILE):  # a log that came first is older than the file, or its match
            (to / name).unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                _copy(root / name, to / name)
        if _state(root) == before:
            return
        time.sleep(_COPY_AGAIN)
    raise RunStopped(f"{root / FILE} changes all the time; try again in a moment")


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except PermissionError as error:
        raise ConfigError(
            f"{source}: this user may not read it. A ledger holds private addresses, so only its owner may: ask for "
            "the export, or for a file of `v2xum backup`"
        ) from error


def _state(root: Path) -> tuple[object, ...]:
    """What changes when more than an end is added to the log: the file, and the log's header."""
    with suppress(FileNotFoundError):
        file = (root / FILE).stat()
        log = root / f"{FILE}-wal"
        header = b""
        if log.exists():
            with log.open("rb") as stream:
                header = stream.read(32)
        return file.st_mtime_ns, file.st_size, header
    return ()


def stands_alone(root: Path, mark: Mark | None) -> bool:
    """Whether a ledger's file is all of a workspace that is there, so that a log may have been left behind."""
    return mark is None and not _had_rows(root) and came_alone(root / FILE)


def postgresql_schema(root: Path) -> str | None:
    """The schema of a workspace's ledger; None where the ledger is a file, or where there is none."""
    try:
        mark = read_mark(root)
    except LedgerDamaged:
        mark = None
    if (root / _NOTE).exists():
        return (root / _NOTE).read_text(encoding="utf-8", errors="replace").strip()
    return mark.place if mark is not None and mark.place != FILE else None


def postgresql_address(variable: str) -> sa.URL | None:
    """The address that an environment variable holds; None when it is unset or empty.

    Raises ConfigError for a text that is not such an address. The message never quotes the text, which may hold a
    password.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    try:
        parts = urlsplit(text)
        name, port = unquote(parts.path.removeprefix("/")), parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        parts, name, port, options = urlsplit(""), "", None, {}
    whole = name and not set(name) & set("/@") and parts.hostname and not parts.fragment
    if not whole or parts.scheme not in ("postgresql", "postgres"):
        raise ConfigError(
            f"{variable}: not an address of a database; it looks like postgresql://USER:PASSWORD@HOST/NAME "
            "(special characters of the password as %40 and the like)"
        )
    user, password = (None if part is None else unquote(part) for part in (parts.username, parts.password))
    return sa.URL.create("postgresql+psycopg", user, password, parts.hostname, port, name, options)


def _in_file(root: Path, mark: Mark | None, *, accept: bool) -> Ledger:
    path = root / FILE
    if not accept and is_blank(path) and (mark is not None or _had_rows(root)):
        raise LedgerDamaged(
            f"{path} is {'empty' if path.exists() else 'missing'}, and this workspace had a ledger with rows. Put it "
            f"back, with {FILE}-wal if there was one; or `v2xum repair {root}` makes it again from the last backup; "
            f"or `v2xum repair {root} --accept` if you want to begin with an empty one"
        )
    try:
        fault = fault_of_files(path)
        if fault is None and mark is not None and mark.logged and not path.with_name(f"{FILE}-wal").exists():
            fault = f"rows are missing that were in {FILE}-wal: it was copied without that file"
        if fault is not None:
            raise LedgerDamaged(f"{path}: {fault}. {_rescue(root)}")
        ledger = Ledger(f"sqlite:///{path}")
    except sa.exc.OperationalError as error:
        if is_storage_full(error):
            raise
        if not all(os.access(place, os.W_OK) for place in (root, path) if place.exists()):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from error
        raise ConfigError(f"{path}: the ledger cannot be opened: {error.orig}") from error
    try:
        check_pages(ledger.engine, QUICK_BYTES)
    except BaseException:
        ledger.close()
        raise
    return ledger


def _marked(root: Path, ledger: Ledger, place: str, mark: Mark | None, *, accept: bool, alone: bool = False) -> Ledger:
    """The ledger, compared with the workspace's mark, which is kept up from now on; closed where they disagree.

    `alone`: nothing else of a workspace is there, and a log that should be beside the file may have been left behind.
    """
    try:
        now = mark_of(ledger, place)
        name = ledger_name(ledger.engine)
        if mark is None and not accept and (root / _EXPORTED).exists() and next(ledger.sources(), None) is None:
            raise LedgerDamaged(f"{name} has no rows, and this workspace has exported a dataset. {_rescue(root)}")
        if alone and now.generation > 0:
            raise LedgerDamaged(
                f"{name} stands here without its {MARK}, so nobody can tell whether rows are missing that were in "
                f"{FILE}-wal. Copy the whole folder of the workspace while nothing runs, or what `v2xum backup` "
                f"writes; or `v2xum repair {root} --accept` if you want it as it is"
            )
        if mark is not None and now.ledger != mark.ledger:
            raise LedgerDamaged(f"{name} is not the ledger of this workspace, but another one's. {_rescue(root)}")
        if mark is not None and now.generation < mark.generation:
            raise LedgerDamaged(
                f"{name} is older than the one that this workspace had (change {now.generation}, and it had come to "
                f"{mark.generation}): it was put back from a copy, or copied without its write-ahead log "
                f"({FILE}-wal). {_rescue(root)}"
            )
        if mark is None or mark.place != place or mark.logged:
            write_mark(root, now)
        Marker(ledger, root, now)
    except BaseException:
        ledger.engine.dispose()
        raise
    return ledger


def _rescue(root: Path) -> str:
    return (
        f"Put the right files back; or `v2xum repair {root}` keeps what is right and adds what the last backup has; or "
        f"`v2xum repair {root} --accept` if you want it as it is"
    )


def _had_rows(root: Path) -> bool:
    """Whether a workspace without a mark, as earlier versions made them, was worked in."""
    return any((root / name).exists() for name in (_EXPORTED, "config.json"))


@contextmanager
def _told(url: sa.URL) -> Iterator[None]:
    """What PostgreSQL says while a ledger is opened becomes a ConfigError, without the password."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        said = str(error.orig).strip().partition("\n")[0].replace(str(url.password), "***")
        raise ConfigError(f"{LEDGER}: the ledger at {_shown(url)} cannot be opened: {said}") from None
    except ModuleNotFoundError as error:
        raise ConfigError(f"{LEDGER}: PostgreSQL needs psycopg; pip install 'psycopg[binary]'") from error


def _schema_of(root: Path, url: sa.URL, mark: Mark | None) -> str:
    """The name of the schema of a workspace's ledger, which is made where there is none."""
    note = root / _NOTE
    schema = note.read_text(encoding="utf-8").strip() if note.exists() else mark.place if mark is not None else None
    if schema is not None:
        return _valid(root, schema)
    schema = f"v2xum_{secrets.token_hex(8)}"
    engine = sa.create_engine(_patient(url), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    # Noted after it was made: a kill between the two steps leaves an empty schema and no workspace without its ledger.
    temporary = root / f".{_NOTE}.{os.getpid()}"
    temporary.write_text(schema + "\n", encoding="utf-8")
    temporary.replace(note)
    return schema


def _valid(root: Path, schema: str) -> str:
    if not _SCHEMA.fullmatch(schema):
        raise ConfigError(f"{root / _NOTE}: not the name of a ledger; restore it from a backup")
    return schema


def _connected(url: sa.URL, schema: str, what: str, fence: Claim | None) -> Ledger:
    engine = sa.create_engine(_patient(url), poolclass=sa.NullPool)
    if not sa.inspect(engine).has_schema(schema):
        raise ConfigError(f"{LEDGER}: {_shown(url)} has no {schema}, which is {what}: another database?")
    return Ledger(_patient(url), schema, fence)


def _patient(url: sa.URL) -> sa.URL:
    """The address with limits for how long a connection is waited for, where it does not give them itself."""
    return url.update_query_dict({name: value for name, value in _PATIENCE.items() if name not in url.query})


def _shown(url: sa.URL) -> str:
    return f"{url.host}{f':{url.port}' if url.port else ''}/{url.database}"
