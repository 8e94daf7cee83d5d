"""Takes the signatures out of the addresses that an earlier version stored in the ledger.

The address is an input of the download. So the results that were current keep being current by new fingerprints, in one
transaction. Ids stay: the ledger notes which id a source without its signature would have now.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.entries import Head, Registered
from curation.ledger.ledger import Ledger
from curation.ledger.part import checksum, chunks
from curation.ledger.properties import claim_property
from curation.ledger.sources import address_digest, known_as
from curation.ledger.stages import STAGES
from curation.ledger.standing import StageHashes, fingerprints_of
from curation.sources.addresses import canonical
from curation.sources.interpret import derived_id
from schemas.errors import RefusedError
from schemas.records import Source
from schemas.secret_addresses import hide_secrets, without_secrets

log = logging.getLogger(__name__)

PROPERTY, VERSION = "addresses", "2"


class _Change(NamedTuple):
    """A source as it was, and as it is without secrets."""

    before: Registered
    source: Source
    digest: str

    @property
    def payload(self) -> str:
        return self.source.canonical()


def unsign(ledger: Ledger, current: Callable[[], StageHashes | None]) -> int:
    """Take the secrets out of all sources, once; returns of how many.

    `current` gives the hashes by which results are current, None where nobody knows: these results are due again.
    """
    changes = list(_changes(ledger))
    hashes = current() if changes else None
    moves: list[dict[str, str]] = []
    if hashes is not None:
        for chunk in chunks([change.before.id for change in changes]):
            heads = ledger.heads(chunk)
            moves += [
                move
                for change in changes
                if change.before.id in heads
                for move in _moves(change, heads[change.before.id], hashes)
            ]
    r, s = t.results.c, t.sources.c
    of_stage = sa.and_(r.video_id == sa.bindparam("v"), r.stage == sa.bindparam("s"))
    row = sa.and_(of_stage, r.fingerprint == sa.bindparam("f"))
    there = sa.and_(of_stage, r.fingerprint == sa.bindparam("n"))
    with ledger.writing() as connection:
        if not claim_property(connection, PROPERTY, VERSION):
            return 0  # another command did it meanwhile
        if moves:
            # Of an address that had no signature at first there is such a result already, which is not current.
            connection.execute(sa.delete(t.results).where(there), moves)
            connection.execute(sa.update(t.results).where(row).values(fingerprint=sa.bindparam("n")), moves)
        known = set(connection.execute(sa.select(s.id)).scalars()) if changes else set()
        for change in changes:
            values = {"digest": change.digest, "payload": change.payload, "checksum": checksum(change.payload)}
            connection.execute(sa.update(t.sources).where(s.id == change.before.id).values(values))
            now = _id_now(change)
            if now is not None and now not in known:
                claim_property(connection, known_as(now), change.before.id)
    if changes:
        log.info("signatures were taken out of the addresses of %d videos", len(changes))
        _wipe(ledger)
    return len(changes)


def _changes(ledger: Ledger) -> Iterator[_Change]:
    for registered in ledger.sources():
        source = registered.source()
        if source is None:
            continue
        metadata = {
            name: without_secrets(text) if name == "id" else hide_secrets(text)
            for name, text in source.metadata.items()
        }
        bare = source.model_copy(
            update={
                "uri": without_secrets(source.uri) if source.kind == "url" else source.uri,
                "title": hide_secrets(source.title) if source.title else source.title,
                "metadata": metadata,
            }
        )
        if bare != source:
            digest = address_digest(bare) if bare.uri != source.uri else None
            yield _Change(registered, bare, digest or registered.digest)


def _id_now(change: _Change) -> str | None:
    """The id that the source would get now; None where that is the one it has: the list gives it."""
    before = change.before.source()
    if before is None or before.uri == change.source.uri:
        return None
    try:
        derived = derived_id(canonical(before.uri)) == change.before.id
        return derived_id(canonical(change.source.uri)) if derived else None
    except RefusedError:
        return None


def _moves(change: _Change, heads: Mapping[str, Head], hashes: StageHashes) -> Iterator[dict[str, str]]:
    """The results of a video whose fingerprint changes with its address, as parameters of the update."""
    was = {"source": change.before.digest, "listing": checksum(change.before.payload)}
    now = {"source": change.digest, "listing": checksum(change.payload)}
    for stage in STAGES.of(hashes.on):
        head, needs = heads.get(stage.name), STAGES.needs(stage, hashes.on)
        if head is None or not was.keys() >= set(needs):
            return
        old, new = (
            fingerprints_of(stage, hashes, known["listing"], [known[name] for name in needs]).of(head.error_class)
            for known in (was, now)
        )
        if head.fingerprint != old:
            return
        if old != new:
            yield {"v": change.before.id, "s": stage.name, "f": old, "n": new}
        if head.status != "done":
            return
        was[stage.name] = now[stage.name] = head.digest


def _wipe(ledger: Ledger) -> None:
    """Write a SQLite file anew: what was replaced is still in its free pages."""
    if ledger.engine.dialect.name != "sqlite":
        return
    try:
        with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.exec_driver_sql(statement)
    except sa.exc.OperationalError as error:
        log.warning("old signatures may still stand in free pages of the ledger: %s", error.orig)
