"""What the ledger says for people: counts against a naive count of everything, and memory that does not grow."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.ledger import tables
from curation.ledger.entries import record_entry, rejection_entry
from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from curation.ledger.standing import standing
from curation.status.counts import summarize
from curation.status.standings import Standings, all_rejections, sample_ids
from curation.status.view import LedgerView
from schemas.documents.status import WorkspaceStatus
from schemas.records import Judgement, Origin, Rejection, Source
from tests.curation.hashes import HASHES
from tests.curation.samples import make_sample

FATES = (*STAGES.names, "sample", "pending", "unusable", "duplicate", "stale", "unchecked", "retryable", "unpublished")
OUTDATED = {"stale": "caption", "unchecked": "binding"}  # finished, and this result is of other settings


def sources(fates: list[str]) -> list[Source | Rejection]:
    found: list[Source | Rejection] = []
    for number, fate in enumerate(fates):
        name = f"v{number * 7919 % 100_000:05d}"  # positions and ids in different orders
        if fate == "unusable":
            found.append(Rejection(id=name, stage="source", error_class="permanent", reason="bad_row", evidence="row"))
        else:
            origin = Origin(list_name="list", row=number + 1)
            found.append(Source(id=name, kind="url", uri=f"https://example.org/{number}", origin=origin))
    return found


def fill(ledger: Ledger, fates: list[str]) -> list[str]:
    """Videos that end as their fates say: rejected at a stage, finished, and so on."""
    ids = ledger.register(sources(fates))
    aside = {video: (ids[0], "0" * 64) for video, fate in zip(ids, fates, strict=True) if fate == "duplicate"}
    ledger.set_duplicates(aside)
    for source, fate in zip(ledger.sources(), fates, strict=True):
        if fate in ("unusable", "pending"):
            continue
        for stage in STAGES.names:
            where = standing(source, ledger.heads([source.id]).get(source.id, {}), HASHES)
            if stage == fate:
                why = Rejection(id=source.id, stage=stage, error_class="permanent", reason="broken", evidence="")
                ledger.write(rejection_entry(why, where.fingerprints.failed, 1, 0.0), ())
                break
            if stage == "caption" and fate == "retryable":
                late = Rejection(id=source.id, stage=stage, error_class="transient", reason="timeout", evidence="")
                ledger.write(rejection_entry(late, where.fingerprints.failed, 1, 0.0), ())
                break
            ledger.write(record_entry(source.id, stage, where.fingerprints.done, Judgement(scores=()), 0.0), ())
        if fate in OUTDATED:
            ledger.write(record_entry(source.id, OUTDATED[fate], "f" * 64, Judgement(scores=()), 0.0), ())
        if fate == "unpublished":
            digest = ledger.heads([source.id])[source.id]["refine"].digest
            why = Rejection(id=source.id, stage="export", error_class="permanent", reason="inconsistent", evidence="")
            ledger.write(rejection_entry(why, digest, 1, 0.0), ())
    return ids


def emptied(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        for table in tables.metadata.sorted_tables:
            connection.execute(table.delete())


def make_check(ledger: Ledger) -> Callable[[list[str]], None]:
    @given(st.lists(st.sampled_from(FATES), max_size=12))
    def check(fates: list[str]) -> None:
        emptied(ledger)
        ids = fill(ledger, fates)
        view = LedgerView(ledger, HASHES)
        counts = summarize(view)
        states = {fate: fate for fate in ("sample", "pending", "retryable")}
        states |= dict.fromkeys(("stale", "unchecked"), "pending")
        wanted = Counter(states.get(fate, "rejected") for fate in fates)
        assert (counts.samples, counts.rejected, counts.pending, counts.retryable) == tuple(
            wanted[state] for state in ("sample", "rejected", "pending", "retryable")
        )
        assert counts.videos == len(fates) == sum(1 for _ in Standings(LedgerView(ledger, HASHES)).walk())
        assert [video.source.id for video in Standings(view).walk()] == ids
        rejections = list(all_rejections(view))
        assert [(r.id, r.stage) for r in rejections] == sorted((r.id, r.stage) for r in rejections)
        assert counts.reasons == Counter(f"{r.stage}: {r.reason}" for r in rejections)
        assert len(rejections) == wanted["rejected"] + wanted["retryable"]
        named = dict(zip(ids, fates, strict=True))
        assert sample_ids(view) == sorted(video for video, fate in named.items() if fate == "sample")
        for number, stage in enumerate(STAGES.names):
            past = [*STAGES.names[number + 1 :], "sample", "unpublished"]
            past += ["stale", "retryable"] if number < STAGES.names.index("caption") else []
            past += ["unchecked"] if stage != "binding" else []
            row = counts.stages[stage]
            assert row.done == sum(fate in past for fate in fates)
            assert row.done + row.rejected + row.due <= counts.videos
        add_up(counts)

    return check


def add_up(counts: WorkspaceStatus) -> None:
    """The sums that the table of `v2xum status` promises."""
    rows = list(counts.stages.items())
    out = {stage: row.rejected for stage, row in rows} | counts.elsewhere
    assert sum(out.values()) == counts.rejected + counts.retryable == sum(counts.reasons.values())
    for place, rejected in out.items():
        assert rejected == sum(n for reason, n in counts.reasons.items() if reason.startswith(f"{place}: "))
    assert sum(row.due for _, row in rows) == counts.pending
    if counts.pending == 0:
        before = counts.videos - counts.elsewhere.get("source", 0)
        for _, row in rows:
            assert row.done + row.rejected == before
            before = row.done
        assert before == counts.samples + sum(n for place, n in counts.elsewhere.items() if place != "source")


def test_counts_are_those_of_the_videos_themselves(ledger: Ledger) -> None:
    make_check(ledger)()


@pytest.mark.slow
def test_a_walk_holds_no_more_of_many_videos_than_of_few(tmp_path: Path) -> None:
    def peak(videos: int) -> int:
        ledger = Ledger(f"sqlite:///{tmp_path / f'{videos}.sqlite'}")
        ledger.register(iter(sources(["pending"] * videos)))
        sum(1 for _ in Standings(LedgerView(ledger, HASHES)).walk())  # caches of the libraries fill
        tracemalloc.start()
        try:
            assert summarize(LedgerView(ledger, HASHES)).pending == videos
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            ledger.close()

    few, many = peak(1_000), peak(10_000)
    assert many < 3 * few  # all of them at once would be ten times as much


def test_a_rejection_names_its_video(ledger: Ledger) -> None:
    origin = Origin(list_name="list", row=1)
    url = "https://me:pw@example.org/v?id=7&token=s3cret"
    rows: list[Source | Rejection] = [
        Source(id="a", kind="url", uri=url, title="As listed", origin=origin),
        Source(id="b", kind="file", uri="/srv/private/b.mp4", title="b", origin=origin),
        Source(id="c", kind="file", uri="/srv/private/c.mp4", origin=origin),
        Rejection(
            id="d", stage="source", error_class="permanent", reason="file_not_found", title="D", address="/nope/d.mp4"
        ),
    ]
    ledger.register(rows)
    film = make_sample("c", title="As published").video
    for source in ledger.sources(["a", "b", "c"]):
        where = standing(source, {}, HASHES)
        if source.id == "c":
            ledger.write(record_entry("c", "download", where.fingerprints.done, film, 0.0), ())
            where = standing(source, ledger.heads(["c"])["c"], HASHES)
        assert where.stage is not None
        why = Rejection(id=source.id, stage=where.stage, error_class="permanent", reason="broken")
        ledger.write(rejection_entry(why, where.fingerprints.failed, 1, 0.0), ())
    assert [(r.id, r.title, r.address) for r in all_rejections(LedgerView(ledger, HASHES))] == [
        ("a", "As listed", "https://example.org/v?id=7"),
        ("b", "b", "b.mp4"),
        ("c", "As published", "c.mp4"),
        ("d", "D", "/nope/d.mp4"),
    ]
