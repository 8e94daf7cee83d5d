"""The ledger says the same on PostgreSQL as on SQLite, whatever it is given, and takes many threads at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.ledger import tables
from curation.ledger.entries import Entry, Head
from curation.ledger.ledger import Ledger
from curation.ledger.part import checksum
from curation.review.verdict_store import Pushed, Reviews
from models.chat import Reply
from schemas.records import Effort, Origin, Rejection, Source
from tests.postgres import new_ledger

IDS = ("B", "a", "_x", "-9", "A", "b")  # a language sorts them otherwise than their bytes
STAGES = ("download", "frames", "caption")
ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
COUNTS = st.integers(0, 2**40 - 1)  # what a server may claim
REPLIES = st.builds(Reply, ANY, st.sampled_from(["stop", "length", "refused"]), COUNTS, COUNTS)


@st.composite
def entries(draw: st.DrawFn) -> tuple[Any, ...]:
    video, stage, fingerprint = draw(st.sampled_from(IDS)), draw(st.sampled_from(STAGES)), draw(st.sampled_from("fg"))
    if draw(st.booleans()):
        payload, content = '"' + draw(st.sampled_from(["x", "é", "\U0001f642", "\\u0000"])) + '"', "c" * 64
        head = Head(stage, fingerprint * 64, "done", checksum(payload), None, None)
    else:
        kind, reason = draw(st.sampled_from(["transient", "permanent"])), draw(ANY)
        rejection = Rejection(id=video, stage=stage, error_class=kind, reason=reason, evidence=draw(ANY))
        reason = reason.replace("\0", "")  # a slug of ours; only its record may hold anything
        head = Head(stage, fingerprint * 64, "rejected", rejection.digest(), kind, reason)
        payload, content = rejection.canonical(), None
    effort = Effort(tokens_in=draw(COUNTS), tokens_out=draw(COUNTS), attempts=draw(st.integers(0, 9)))
    entry = Entry(video, head, payload, draw(st.integers(1, 9)), effort, draw(st.floats(0, 1e6)), 5.0, content)
    return "write", entry, draw(st.lists(st.sampled_from(STAGES), max_size=2))


def steps() -> st.SearchStrategy[tuple[Any, ...]]:
    videos, stages = st.sampled_from(IDS), st.sampled_from(STAGES)
    origin = Origin(list_name="l", row=1)
    sources = st.builds(Source, id=videos, kind=st.just("url"), uri=ANY, title=ANY, origin=st.just(origin))
    bad = st.builds(
        Rejection, id=videos, stage=st.just("source"), error_class=st.just("permanent"), reason=st.just("bad_row")
    )
    return st.one_of(
        entries(),
        st.tuples(st.just("register"), st.lists(sources | bad, max_size=4)),
        st.tuples(st.just("adopt"), videos, stages, st.sampled_from(["f" * 64, "g" * 64]), st.just([])),
        st.tuples(st.just("forget"), videos, stages),
        st.tuples(
            st.just("put_replies"), st.dictionaries(st.sampled_from("kKlm"), REPLIES, max_size=3), ANY.map(plain)
        ),
        st.tuples(st.just("set_duplicates"), st.dictionaries(videos, st.tuples(videos, st.just("s" * 64)), max_size=2)),
        st.tuples(st.just("begin_run"), st.sampled_from(["running", "probing"])),
        st.tuples(st.just("end_run"), st.integers(1, 3), st.just("finished"), st.just({"a": {"made": 1}})),
    )


def plain(name: str) -> str:
    """A model's name: long at will, but from a configuration."""
    return name.replace("\0", "") * 20


def everything(ledger: Ledger) -> dict[str, Any]:
    """All that a ledger can be asked, without the clock."""
    last = ledger.last_run()
    return {
        "sources": [source[1:] for source in ledger.sources()],
        "named": sorted(source.id for source in ledger.sources(IDS)),
        "heads": ledger.heads(IDS),
        "entries": {name: sorted(e._replace(made_at=0.0) for e in ledger.entries(name)) for name in IDS},
        "older": {stage: ledger.older(stage, IDS) for stage in STAGES},
        "payloads": sorted(ledger.payloads(IDS, STAGES)),
        "rejections": list(ledger.rejections()),
        "contents": ledger.contents(),
        "shared": ledger.shared_contents(),
        "duplicates": (ledger.duplicates(), ledger.duplicates(IDS[:2])),
        "replies": ledger.get_replies(["k", "K", "l", "m", "none"]),
        "run": last and (last.number, last.outcome, last.stages),
    }


@pytest.fixture(scope="module")
def both(postgresql: sa.URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, Ledger]]:
    """A ledger on SQLite and one on PostgreSQL."""
    pair = Ledger(f"sqlite:///{tmp_path_factory.mktemp('both') / 'l.sqlite'}"), new_ledger(postgresql)
    yield pair
    for ledger in pair:
        ledger.close()


def empty(ledger: Ledger) -> None:
    """Without rows, and counting from 1 again."""
    with ledger.engine.begin() as connection:
        for table in tables.metadata.sorted_tables:
            connection.execute(sa.delete(table))
    if ledger.engine.dialect.name == "postgresql":
        with ledger.engine.begin() as connection:
            schema = ledger.engine.get_execution_options()["schema_translate_map"][None]
            connection.execute(sa.text(f"TRUNCATE {schema}.runs, {schema}.sources RESTART IDENTITY"))


@pytest.mark.postgresql
@given(given_steps=st.lists(steps(), max_size=12))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_both_databases_answer_alike(both: tuple[Ledger, Ledger], given_steps: list[tuple[Any, ...]]) -> None:
    answers = []
    for ledger in both:
        empty(ledger)
        told = [getattr(ledger, name)(*arguments) for name, *arguments in given_steps]
        answers.append((told, everything(ledger)))
    assert answers[0] == answers[1]


def test_threads_that_store_the_same_replies_do_not_wait_for_ever(ledger: Ledger) -> None:
    replies = {f"{number:064x}": Reply(f"text {number}", "stop", 1, 1) for number in range(400)}
    backwards = dict(reversed(replies.items()))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda chosen: ledger.put_replies(chosen, "m"), [replies, backwards] * 9))
    assert ledger.get_replies(list(replies)) == replies


def test_threads_that_note_the_same_tasks_do_not_wait_for_ever(ledger: Ledger) -> None:
    reviews = Reviews(ledger)
    tasks = [Pushed(f"v{number}", "a" * 64, number, "random", 1.0) for number in range(300)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda chosen: reviews.note_pushed("p", chosen), [tasks, tasks[::-1]] * 9))
    assert reviews.pushed("p") == {task.sample_id: task for task in tasks}


def test_what_a_stranger_wrote_into_a_task_is_noted_all_the_same(ledger: Ledger) -> None:
    reviews = Reviews(ledger)
    reviews.note_pushed("p", [Pushed("x\0" * 300, "\0no hash" * 99, 2**62, "random", 1.0)])
    (noted,) = reviews.pushed("p").values()
    assert noted.task_id == 2**62 and noted.sample_id == "x" * 128


def test_many_rejections_come_in_the_order_of_their_bytes(ledger: Ledger) -> None:
    names = [f"{first}{number:03d}" for number in range(120) for first in "bB_-aA"]
    ledger.register(
        Rejection(id=name, stage="source", error_class="permanent", reason="bad_row") for name in reversed(names)
    )
    assert [rejection.id for rejection in ledger.rejections()] == sorted(names)


def test_a_reply_stored_again_is_replaced(ledger: Ledger, tmp_path: Path) -> None:
    ledger.put_replies({"k": Reply("old\0", "stop", 1, 2)}, "m")
    ledger.put_replies({"k": Reply('new"\\\0\U0001f642', "length", 2**40, 4)}, "n" * 999)
    assert ledger.get_replies(["k"]) == {"k": Reply('new"\\\0\U0001f642', "length", 2**40, 4)}
    ledger.put_replies({}, "m")
