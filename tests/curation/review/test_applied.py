"""Verdicts in a workspace: counts, explanations and the exported rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.dataset.check import validate
from curation.dataset.export import export_key, export_workspace, is_exported
from curation.ledger.ledger import Ledger
from curation.pipeline.services import Services
from curation.review.applied import AppliedVerdicts
from curation.review.rules import applied
from curation.review.verdict_store import Reviews
from curation.status.counts import summarize
from curation.status.explain import explain
from curation.status.standings import Standings, all_rejections, finished_ids, published, sample_ids, samples
from curation.status.view import LedgerView
from curation.workspace import Workspace
from schemas.configuration.review_config import ReviewConfig
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.records import Rejection, Sample
from schemas.review import AddedKeyframe, CorrectedLine
from schemas.time import Seconds
from tests.curation.finished import finished
from tests.curation.hashes import HASHES, changed
from tests.curation.people import finish, shown, verdict, verdicts_on
from tests.curation.samples import contents, make_sample, picture
from tests.curation.status.test_standings import emptied

MADE = [make_sample(f"v{number:03d}") for number in range(6)]


@pytest.mark.slow
def test_what_people_reject_is_rejected_and_every_video_is_counted_once(ledger: Ledger) -> None:
    reviews = Reviews(ledger)

    @given(st.data())
    def check(data: st.DataObject) -> None:
        emptied(ledger)
        for sample in MADE:
            finish(ledger, sample)
        verdicts = {s.video.id: data.draw(st.lists(verdicts_on(s), max_size=3)) for s in MADE[:3]}
        reviews.store(v for given_ in verdicts.values() for v in given_)
        stored = {name: list(reviews.verdicts([name])) for name in verdicts}
        outcomes = {s.video.id: applied(s, stored.get(s.video.id, []), ReviewConfig()) for s in MADE}
        gone = {name for name, outcome in outcomes.items() if isinstance(outcome, Rejection)}
        counts = summarize(LedgerView(ledger, HASHES))
        assert counts.videos == 6
        assert (counts.samples, counts.rejected) == (6 - len(gone), len(gone))
        assert sum(counts.reasons.values()) == len(gone)
        assert {
            one.source.id for one in Standings(LedgerView(ledger, HASHES)).walk() if one.where.state == "rejected"
        } == gone
        assert sample_ids(LedgerView(ledger, HASHES)) == sorted(outcomes.keys() - gone)
        assert finished_ids(LedgerView(ledger, HASHES)) == sorted(outcomes)
        assert [s.video.id for s in samples(LedgerView(ledger, HASHES))] == sorted(outcomes.keys() - gone)
        assert list(published(LedgerView(ledger, HASHES))) == [o for o in outcomes.values() if isinstance(o, Sample)]
        assert list(all_rejections(LedgerView(ledger, HASHES))) == [
            o.model_copy(update={"title": "Harbour & hills", "address": f"{o.id}.mp4"})
            for o in outcomes.values()
            if isinstance(o, Rejection)
        ]
        for name, outcome in outcomes.items():
            told = explain(LedgerView(ledger, HASHES), name)
            assert [v["sample_id"] for v in told.verdicts] == [name] * len(stored.get(name, []))
            assert (told.state == "rejected") == (name in gone)
            assert len(told.rejections) == (name in gone)
            if isinstance(outcome, Sample) and told.verdicts:
                assert told.review == json.loads(outcome.review.canonical())
            counting = {v["annotator"] for v in told.verdicts if v["counts"]}
            assert not isinstance(outcome, Sample) or set(outcome.review.reviewers) <= counting

    check()


def test_the_rules_come_from_the_settings_and_stale_verdicts_do_not_count(ledger: Ledger) -> None:
    sample = MADE[0]
    finish(ledger, sample)
    Reviews(ledger).store([verdict(sample, "accept", "a"), verdict(sample, "reject", "b")])
    strict = LedgerView(ledger, HASHES, ReviewConfig(rule="any"))
    assert summarize(LedgerView(ledger, HASHES)).samples == 1
    assert summarize(strict).rejected == 1
    assert explain(strict, "v000").review == {"status": "rejected"}
    strict = strict._replace(hashes=changed("extract"))
    finish(ledger, make_sample("v000", keyframes=(0, 4)), strict.hashes)
    assert summarize(strict).samples == 1
    told = explain(strict, "v000")
    assert [v["counts"] for v in told.verdicts] == [False, False]
    assert told.review["status"] == "unreviewed"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[tuple[Workspace, Services]]:
    """A workspace with the demo's configuration, six finished samples and their pictures, all of which stay.

    There is no video of which a picture could be drawn again.
    """
    with finished(tmp_path / "w", MADE, "frames.keep=all") as opened:
        yield opened


def rows(place: Workspace) -> dict[str, dict[str, Any]]:
    shards = sorted((place.export / "data").glob("*.parquet"))
    return {row["id"]: row for shard in shards for row in pq.read_table(shard).to_pylist()}


@pytest.mark.slow
def test_the_released_rows_carry_the_review(workspace: tuple[Workspace, Services]) -> None:
    place, services = workspace
    manifest = export_workspace(place, services)
    assert manifest.reviews == {"unreviewed": 6}
    before, plain = contents(place.export), rows(place)
    reviews = Reviews(services.ledger)
    half = verdict(MADE[5], None)
    stale = verdict(MADE[4], "reject", content_sha256="f" * 64)
    reviews.store([half])
    assert is_exported(place, services)
    reviews.store([stale])
    export_workspace(place, services)
    assert contents(place.export) == before
    added = (AddedKeyframe(index=5, time=5.0, caption="a dog & a <b>kite</b>"),)
    keyframes = shown(MADE[1], k0={"caption": "rewritten", "changed": True}, k3={"judged": "drop"})
    fix = verdict(
        MADE[1], "fix", keyframes=keyframes, added=added, summary="[0.0]Anew. [5.0]A dog.", rating=2, at=3, origin="x"
    )
    reviews.store([verdict(MADE[0], "accept", rating=4), fix, verdict(MADE[2], "reject", reasons=("harmful",))])
    reviews.store([verdict(MADE[3], "accept", "a"), verdict(MADE[3], "reject", "b")])
    assert not is_exported(place, services)
    manifest = export_workspace(place, services)
    assert is_exported(place, services)
    assert validate(place.export) == []
    assert manifest.reviews == {"accepted": 1, "disputed": 1, "fixed": 1, "unreviewed": 2}
    assert [(r.stage, r.reason, r.videos) for r in manifest.rejections] == [("review", "harmful", 1)]
    line = json.loads((place.export / "rejections.jsonl").read_text())
    assert line["evidence"] == "rejected by 1 of 1 annotators: harmful 1"
    now = rows(place)
    assert now.keys() == plain.keys() - {"v002"}
    for name in ("v000", "v003", "v004", "v005"):  # only the review differs
        assert {**now[name], "review": None} == {**plain[name], "review": None}
    assert now["v000"]["review"]["status"] == "accepted"
    assert now["v000"]["review"]["rating"] == 4.0
    assert now["v003"]["review"] | {"reviewers": ["a", "b"], "dispute": "no_majority"} == now["v003"]["review"]
    assert now["v005"] == plain["v005"]
    row = now["v001"]
    assert [(k["index"], k["caption"]) for k in row["keyframes"]] == [
        (0, "rewritten"),
        (5, "a dog & a <b>kite</b>"),
        (9, MADE[1].captions.captions[9].text),
    ]
    assert [k["image"]["bytes"] for k in row["keyframes"]] == [picture(i) for i in (0, 5, 9)]
    assert row["summary"]["v2t"] == "Anew. A dog."
    assert row["vsum_onehot"] == [1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]
    assert row["review"] == {
        "status": "fixed",
        "reviewers": ["ann"],
        "decisions": {"accept": 0, "fix": 1, "reject": 0},
        "adjudicated": False,
        "rating": 2.0,
        "dispute": None,
        "edited": True,
        "editor": "ann",
        "captions_edited": [0, 5],
        "captions_withdrawn": [],
        "keyframes_added": [5],
        "keyframes_dropped": [3],
        "summary_edited": True,
    }
    (record,) = (
        record
        for path in (place.export / "json").iterdir()
        for record in json.loads(path.read_text())
        if record["id"] == "v001"
    )
    assert record["conversations"][1]["value"] == "[<f0>]Anew. [<f1>]A dog."
    again = contents(place.export)
    assert reviews.store([fix]) == 0
    export_workspace(place, services)
    assert contents(place.export) == again


def test_the_export_depends_on_the_rules(workspace: tuple[Workspace, Services]) -> None:
    _, services = workspace
    key = export_key(services)
    services.config = services.config.model_copy(update={"review": ReviewConfig(rule="any")})
    assert export_key(services) != key


@pytest.mark.slow
def test_every_view_of_a_verdict_is_of_the_stages_that_are_on(tmp_path: Path) -> None:
    """A transcript that an earlier run left behind is no part of the sample once the stage is off, for anybody."""
    said = Transcript(
        source="manual", segments=(SpokenSegment(start=Seconds(1.0), end=Seconds(2.0), text="A kind flies."),)
    )
    made = make_sample("a").model_copy(update={"transcript": said})
    line = CorrectedLine(index=0, start=Seconds(1.0), before="A kind flies.", after="A kite flies.")
    keyframes = shown(made, k0={"caption": "rewritten", "changed": True})
    with finished(tmp_path / "w", [made], "download.subtitles=[en]", "transcribe.mode=publisher") as (_, services):
        Reviews(services.ledger).store([verdict(made, "fix", keyframes=keyframes, transcript=(line,))])
        for on, text in ((frozenset({"transcribe"}), "A kite flies."), (frozenset[str](), None)):
            view = AppliedVerdicts(services.ledger, services.config.review, on)
            (published,) = view.applied(["a"])
            ((whole, ruled),) = view.rulings(["a"])
            assert (published.transcript and published.transcript.segments[0].text) == text
            assert published.review.status == "fixed" and published.captions.captions[0].text == "rewritten"
            assert ruled.outcome == "fix" and view.accepted(["a"]) == {"a"} and not view.disputed(["a"])
            assert (whole.transcript is None) == (text is None)
            assert view.explain("a", True)["review"]["status"] == "fixed"
