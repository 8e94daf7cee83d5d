"""The store of verdicts: append-only, idempotent, complete after a kill, on SQLite and on PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.ledger import tables
from curation.ledger.ledger import Ledger
from curation.review.verdict_store import Pushed, Reviews, moment
from schemas.repository import ROOT
from schemas.review import Verdict
from tests.curation.people import verdict, verdicts_on
from tests.curation.samples import make_sample

SAMPLE = make_sample()


def test_what_is_stored_comes_back_once_in_order_and_is_never_changed(ledger: Ledger) -> None:
    reviews = Reviews(ledger)
    many = [verdict(SAMPLE, "accept", f"p{n}", at=n) for n in range(1203)]
    assert reviews.store(iter(many)) == 1203
    assert reviews.store(many) == 0
    assert list(reviews.verdicts()) == many
    changed = many[7].model_copy(update={"decision": "reject"})
    assert reviews.store([changed, changed]) == 0
    later = changed.model_copy(update={"updated_at": "2027-01-01T00:00:00Z"})
    same_moment = later.model_copy(update={"updated_at": "2027-01-01T02:00:00+02:00"})
    assert reviews.store([later, later, same_moment]) == 1
    assert list(reviews.verdicts()) == [*many, later]


def test_samples_are_found_by_their_ids(ledger: Ledger) -> None:
    reviews = Reviews(ledger)
    long = SAMPLE.model_copy(update={"video": SAMPLE.video.model_copy(update={"id": "x" * 300})})
    odd = verdict(long, sample_id="nul\0", origin="o1", comment="\0 \U0001f642 <b>")
    half = verdict(make_sample("v001"), None)
    own = verdict(SAMPLE, "reject")
    assert reviews.store([odd, verdict(long), half, own]) == 4
    assert [v.sample_id for v in reviews.verdicts(["v001", "v000", "none"])] == ["v001", "v000"]
    assert list(reviews.verdicts(["nul\0"])) == [odd]
    assert list(reviews.verdicts(["nul"])) == []
    assert [v.sample_id for v in reviews.verdicts(["x" * 300])] == ["x" * 300]
    assert list(reviews.verdicts(["x" * 128])) == []
    assert list(reviews.verdicts([])) == []
    assert reviews.judged("reject") == ["v000"]
    assert "v001" not in reviews.judged()
    assert set(reviews.keys(["v000", "v001"])) == {"v000"}


@pytest.mark.slow
@given(st.lists(verdicts_on(SAMPLE), max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_verdict_survives(ledger: Ledger, verdicts: list[Verdict]) -> None:
    reviews = Reviews(ledger)
    with ledger.engine.begin() as connection:
        connection.execute(sa.delete(tables.verdicts))
    first = {(v.origin, moment(v.updated_at)): v for v in reversed(verdicts)}
    assert reviews.store(verdicts) == len(first)
    assert {v.canonical() for v in reviews.verdicts()} == {v.canonical() for v in first.values()}


def test_a_batch_with_a_bad_verdict_is_not_stored(ledger: Ledger) -> None:
    reviews = Reviews(ledger)

    def broken():
        yield verdict(SAMPLE)
        raise OSError("the server hung up")

    with pytest.raises(OSError, match="hung up"):
        reviews.store(broken())
    assert list(reviews.verdicts()) == []


def test_threads_that_store_the_same_store_it_once(ledger: Ledger) -> None:
    reviews = Reviews(ledger)
    many = [verdict(SAMPLE, annotator=f"p{n}") for n in range(300)]
    with ThreadPoolExecutor(4) as pool:
        new = list(pool.map(reviews.store, [many, many[::-1], many[100:], many[:200]]))
    assert sum(new) == 300
    assert len(list(reviews.verdicts())) == 300


def test_pushed_and_cursors(ledger: Ledger) -> None:
    reviews = Reviews(ledger)
    assert reviews.pushed("p") == {}
    assert reviews.cursor("p") is None
    first = [Pushed(f"v{n}", "a" * 64, 2**40 + n, "random", 1.5) for n in range(600)]
    reviews.note_pushed("p", first)
    reviews.note_pushed("p", [Pushed("v7", "b" * 64, 8, "active", 2.5)])
    reviews.note_pushed("q", first[:1])
    found = reviews.pushed("p")
    assert found["v7"] == Pushed("v7", "b" * 64, 8, "active", 2.5)
    assert found["v599"] == first[599]
    assert len(found) == len(reviews.pushed_ids()) == 600
    reviews.set_cursor("p", "2026-01-01")
    reviews.set_cursor("p", "2026-01-02")
    assert (reviews.cursor("p"), reviews.cursor("q")) == ("2026-01-02", None)


@pytest.mark.slow
def test_a_kill_while_storing_loses_and_doubles_nothing(ledger: Ledger) -> None:
    """A child stores batches and is killed; then all verdicts are stored again."""
    code = textwrap.dedent("""
        import sys
        from curation.ledger.ledger import Ledger
        from curation.review.verdict_store import Reviews
        from schemas.review import Verdict
from tests.curation.people import verdict
        from tests.curation.samples import make_sample
        sample = make_sample()
        reviews = Reviews(Ledger(*sys.argv[1:]))
        for batch in range(400):
            new = reviews.store(verdict(sample, annotator=f"{batch}-{n}") for n in range(20))
            print(batch, flush=True)
    """)
    schemas = ledger.engine.get_execution_options().get("schema_translate_map", {})
    place = [ledger.engine.url.render_as_string(hide_password=False), *schemas.values()]
    for pause in (0.05, 0.2):
        with subprocess.Popen(
            [sys.executable, "-c", code, *place], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(pause)
            child.send_signal(signal.SIGKILL)
            told = len(child.stdout.read().splitlines()) + 1
        names = [v.annotator for v in Reviews(ledger).verdicts()]
        assert len(names) == len(set(names))
        assert len(names) % 20 == 0
        assert len(names) >= 20 * (told - 1)  # the last line may be incomplete
    again = [verdict(SAMPLE, annotator=f"{batch}-{n}") for batch in range(400) for n in range(20)]
    assert Reviews(ledger).store(again) == 8000 - len(names)
    assert len(list(Reviews(ledger).verdicts())) == 8000


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"]
)
def test_texts_that_are_not_times(text: str) -> None:
    assert moment(text) is None
