"""What the lists name no more leaves the ledger, and what was finished or noted under an earlier id stays."""

from __future__ import annotations

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from curation.ledger.properties import claim_property
from curation.ledger.sources import known_as
from curation.ledger.unnamed import forget_unnamed
from schemas.errors import PermanentError
from schemas.records import Rejection
from tests.curation.scripted_stages import Works, run_all, sources


def test_only_rows_without_a_finished_result_leave(ledger: Ledger) -> None:
    bad = [Rejection(id=f"bad-{i}", stage="source", error_class="permanent", reason="no_address") for i in range(2)]
    ids = ledger.register([*sources(4), *bad])
    run_all(ledger, ids[:3], Works({("download", "v001"): [PermanentError("private", "x")]}))
    asked: list[str] = []
    named = ["v002", "bad-1"]
    assert forget_unnamed(ledger, named, lambda item: not asked.append(item.id)) == 3
    assert sorted(asked) == ["bad-0", "v001", "v003"]  # v000 is finished, and nobody is asked
    assert [source.id for source in ledger.sources()] == ["v000", "v002", "bad-1"]
    with ledger.engine.connect() as connection:
        left = set(connection.execute(sa.select(t.results.c.video_id)).scalars())
    assert left == {"v000", "v002", "bad-1"}
    assert forget_unnamed(ledger, named, lambda _item: False) == 0


def test_a_source_keeps_the_id_that_an_earlier_version_gave_it(ledger: Ledger) -> None:
    (first, second) = sources(2)
    ledger.register([first])
    with ledger.engine.begin() as connection:
        claim_property(connection, known_as("new-id"), first.id)
    renamed = first.model_copy(update={"id": "new-id"})
    assert ledger.register([second, renamed]) == [second.id, first.id]
    assert [source.id for source in ledger.sources()] == [first.id, second.id]


def test_a_row_whose_reason_was_erased_gets_it_again(ledger: Ledger) -> None:
    bad = Rejection(id="bad", stage="source", error_class="permanent", reason="no_address", evidence="l row 1: x")
    ledger.register([bad])
    ledger.forget("bad", "source")
    ledger.register([bad])
    assert list(ledger.rejections()) == [bad]
