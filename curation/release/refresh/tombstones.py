"""The tombstones of a release: published videos whose source is gone, changed its licence, or opted out."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Literal

from curation.sources.opt_outs import REASON
from curation.status.view import LedgerView
from curation.status.withdrawn import day, policy_of
from schemas.records import Record
from schemas.safe_text import plain, public_text, public_uri

_LONGEST = 300


class Tombstone(Record):
    """A published video whose source is not what it was.

    `date` is the day (UTC) on which it was found; `detail` is what was said, or the change. `row` says whether the row
    is in this release; `last_version` is the latest release that has it. `sha256` is the hash of the video's file.
    """

    id: str
    reason: str
    date: str
    detail: str | None = None
    row: Literal["kept", "withdrawn"]
    last_version: str
    address: str | None = None
    sha256: str | None = None


def tombstones(view: LedgerView, versions: Mapping[str, str], rows: Container[str]) -> list[Tombstone]:
    """The tombstones by id. `versions`: the latest release with each row; what was never published has no tombstone.

    `rows`: the ids of the release's rows. Who opted out, and what a policy `erase` concerns, has neither address nor
    hash here.
    """
    opted_out = {name: at for name, at in view.ledger.opted_out().items() if name in versions}
    made = [
        Tombstone(id=name, reason=REASON, date=day(at), row="withdrawn", last_version=versions[name])
        for name, at in opted_out.items()
    ]
    gone = {name: one for name, one in view.ledger.tombstones().items() if name in versions and name not in opted_out}
    sources = {row.id: row.source() for row in view.ledger.sources(list(gone))}
    for name, one in gone.items():
        erased = policy_of(one, view.refresh) == "erase"
        source = sources.get(name)
        address = None if source is None or erased else public_uri(source)
        assert one.gone_at is not None
        made.append(
            Tombstone(
                id=name,
                reason=one.reason or one.outcome,
                date=day(one.gone_at),
                detail=plain(public_text(one.detail), _LONGEST) if one.detail and not erased else None,
                row="kept" if name in rows else "withdrawn",
                last_version=versions[name],
                address=address,
                sha256=None if erased else one.content,
            )
        )
    return sorted(made, key=lambda each: each.id)
