"""Canary outcomes in the ledger, and the withdrawal of captions."""

from __future__ import annotations

import sqlalchemy as sa

from curation.binding.withdrawal import SUMMARIES, Withdrawn, canaries_of, keep_canaries, withdraw
from curation.ledger import tables
from curation.ledger.ledger import Ledger
from models.chat import Reply
from schemas.binding import CanaryOutcome, CanaryOutcomes
from tests.curation.scripted_stages import Works, run_all, sources


def test_withdrawal_removes_only_captions_that_may_be_wrong(ledger: Ledger) -> None:
    ids = ledger.register(sources(4))
    run_all(ledger, ids, Works())
    ledger.forget("v003", "binding")  # captioned and never checked
    for video_id in ids:
        keep_canaries(ledger, video_id, CanaryOutcomes())
    reply = Reply("text", "stop", 1, 1)
    ledger.put_replies({"a": reply}, "captioner")
    ledger.put_replies({"b": reply}, "summarizer")
    with ledger.engine.begin() as connection:
        connection.execute(sa.insert(tables.replies).values(("c", "old", "stop", 1, 1, "captioner", 5.0)))
        connection.execute(sa.insert(tables.runs).values((1, 1.0, 9.0, "finished", "{}")))
        connection.execute(sa.insert(tables.runs).values((2, 11.0, None, "running", "{}")))
        connection.execute(sa.update(tables.results).values(made_at=100.0, seconds=1.0))
    taken = withdraw(ledger, ["v001"], ["captioner"], 50.0)
    assert taken == Withdrawn(("v001", "v003"), 1)
    assert set(ledger.get_replies(["a", "b", "c"])) == {"b", "c"}, (
        "replies before the last finished run are not in doubt"
    )
    heads = ledger.heads(ids)
    assert {i for i in ids if "caption" in heads[i]} == {"v000", "v002"} == {i for i in ids if "binding" in heads[i]}
    works = Works()
    run_all(ledger, ids, works)
    assert works.calls == [("caption", "v001"), ("caption", "v003"), ("binding", "v001"), ("binding", "v003")]


def test_replies_of_all_models_that_choose_are_withdrawn(ledger: Ledger) -> None:
    ids = ledger.register(sources(1))
    run_all(ledger, ids, Works())
    for key, model in (("a", "summarizer"), ("b", "second"), ("c", "captioner")):
        ledger.put_replies({key: Reply("text", "stop", 1, 1)}, model)
    assert withdraw(ledger, ids, ["summarizer", "second"], 0.0, SUMMARIES).replies == 2
    assert set(ledger.get_replies(["a", "b", "c"])) == {"c"}


def test_canary_outcomes_are_kept_by_video_and_replaced(ledger: Ledger) -> None:
    one = CanaryOutcome(picture="p", seed="s", words=(("red",),), said="A red circle.", right=True)
    assert canaries_of(ledger, ["v"]) == {}
    for kept in (CanaryOutcomes(outcomes=(one, one)), CanaryOutcomes(outcomes=(one,))):
        keep_canaries(ledger, "v", kept)
        assert canaries_of(ledger, ["v", "other"]) == {"v": kept}
