"""Rows that changed on the disk are noticed when they are read: none is used, shown or published."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from curation.ledger.samples import sample
from curation.review.verdict_store import Reviews
from models.chat import Reply
from schemas.errors import LedgerDamaged
from schemas.records import Rejection
from schemas.review import Verdict
from tests.curation.scripted_stages import Works, run_all, sources
from tests.postgres import new_ledger

VERDICT = Verdict(
    sample_id="v000", content_sha256="0" * 64, decision="accept", annotator="annotator-1", origin="o",
    updated_at="2026-01-01T00:00:00Z", stratum="random",
)  # fmt: skip
BAD_ROW = Rejection(id="v009", stage="source", error_class="permanent", reason="bad_row", evidence="row 3")


def fill(ledger: Ledger) -> None:
    ids = ledger.register([*sources(2), BAD_ROW])
    run_all(ledger, ids, Works())
    ledger.put_replies({"k": Reply("a red square", "stop", 1, 2)}, "m")
    Reviews(ledger).store([VERDICT])


def flip(ledger: Ledger, table: str, column: str, where: str) -> None:
    """Change one letter of a text, as a flipped bit does, so that it stays what it seems to be."""
    with ledger.engine.begin() as connection:
        rows = t.metadata.tables[table]
        text = connection.execute(sa.select(rows.c[column]).where(sa.text(where))).scalar_one()
        at = next(index for index in range(len(text) // 2, len(text)) if text[index].isalpha())
        altered = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        connection.execute(sa.update(rows).where(sa.text(where)).values({column: altered}))


READS: dict[str, tuple[str, str, str, Callable[[Ledger], object]]] = {
    "the captions of a sample": (
        "results", "payload", "stage = 'caption' AND video_id = 'v001'", lambda ledger: sample(ledger, "v001"),
    ),
    "one result": (
        "results", "payload", "stage = 'refine' AND video_id = 'v001'", lambda ledger: ledger.entry("v001", "refine"),
    ),
    "all of a video": (
        "results", "payload", "stage = 'frames' AND video_id = 'v001'", lambda ledger: ledger.entries("v001"),
    ),
    "rejections": ("results", "payload", "video_id = 'v009'", lambda ledger: list(ledger.rejections())),
    "a video's rejection": (
        "results", "payload", "video_id = 'v009'", lambda ledger: ledger.rejections_at({"v009": "source"}),
    ),
    "its digest": ("results", "digest", "video_id = 'v009'", lambda ledger: list(ledger.rejections())),
    "list rows": ("sources", "payload", "id = 'v001'", lambda ledger: list(ledger.sources())),
    "a reply": ("replies", "text", "key = 'k'", lambda ledger: ledger.get_replies(["k"])),
    "verdicts": ("verdicts", "payload", "sample_id = 'v000'", lambda ledger: list(Reviews(ledger).verdicts())),
    "verdicts on a sample": (
        "verdicts", "payload", "sample_id = 'v000'", lambda ledger: list(Reviews(ledger).verdicts(["v000"])),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", READS)
def test_what_was_altered_is_not_read(tmp_path: Path, what: str) -> None:
    table, column, where, read = READS[what]
    with closing(Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")) as ledger:
        fill(ledger)
        assert read(ledger)
        flip(ledger, table, column, where)
        with pytest.raises(LedgerDamaged, match=r"l\.sqlite: .* not what was stored.*v2xum repair"):
            read(ledger)


@pytest.mark.slow
@pytest.mark.postgresql
def test_it_is_the_same_in_postgresql(postgresql: sa.URL) -> None:
    for what, (table, column, where, read) in READS.items():
        with closing(new_ledger(postgresql)) as ledger:
            fill(ledger)
            assert read(ledger), what
            flip(ledger, table, column, where)
            with pytest.raises(LedgerDamaged, match=r"the ledger v2xum_[0-9a-f]{16} in PostgreSQL: .* not what was"):
                read(ledger)


def test_a_row_without_a_checksum_is_one_of_an_earlier_program(tmp_path: Path) -> None:
    with closing(Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")) as ledger:
        fill(ledger)
        with closing(sqlite3.connect(tmp_path / "l.sqlite")) as connection:
            connection.execute("UPDATE replies SET checksum = NULL")
            connection.commit()
        assert ledger.get_replies(["k"])["k"].text == "a red square"


def test_a_run_stops_and_calls_no_video_poison(tmp_path: Path) -> None:
    with closing(Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")) as ledger:
        fill(ledger)
        ledger.forget("v001", "refine")
        flip(ledger, "results", "payload", "stage = 'extract' AND video_id = 'v001'")
        with pytest.raises(LedgerDamaged):
            run_all(ledger, ["v000", "v001"], Works())
        assert [rejection.id for rejection in ledger.rejections()] == ["v009"]
