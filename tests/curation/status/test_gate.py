"""What the audit finds keeps a summary out of the dataset, unless people accept it or the user says otherwise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.push.strata import candidates, choose
from curation.audit.audit import Tools, audit
from curation.dataset.export import export_workspace
from curation.ledger.ledger import Ledger
from curation.review.verdict_store import Reviews
from curation.status.counts import summarize
from curation.status.explain import explain
from curation.status.gate import AWAITS_REVIEW, UNSUPPORTED, MeasuredSentence, finding
from curation.status.standings import Standings, due, sample_ids
from curation.status.view import LedgerView
from schemas.audit import Audit, Missing
from schemas.configuration.config import AuditConfig
from schemas.configuration.review_config import ReviewConfig
from schemas.records import Sample
from tests.curation.audited import EMBEDDER
from tests.curation.finished import finished
from tests.curation.hashes import HASHES
from tests.curation.people import finish, verdict
from tests.curation.samples import SCENES, make_sample, sha

CONFIG = AuditConfig()
PARROTED = ("A man chops onions.", "He fries them in a pan.", "The room is gray.")
COLOURED = (SCENES[0].replace("red", "blue"), SCENES[0], SCENES[0])
VAGUE = ("A child is near a hill.", "People are cooking something.", "Somebody walks with a toy.")


def audited(sample: Sample) -> Audit:
    """The real audit of a sample, with the default configuration, without CLIP and judge."""
    tools = Tools(lambda: EMBEDDER, lambda: None, lambda: None)
    return audit(sample.frames, sample.captions, sample.summary, lambda _: b"", tools, CONFIG)


def written(ledger: Ledger, video: str, sentences: Sequence[str] | None = None) -> Sample:
    """A finished sample with these sentences (None: those of its captions), really audited."""
    made = make_sample(video, sentences=tuple(sentences) if sentences is not None else None)
    finish(ledger, made, audit=audited(made))
    return made


def view_of(ledger: Ledger, **limits: float | None) -> LedgerView:
    return LedgerView(ledger, HASHES, ReviewConfig(), AuditConfig(**limits))


def sentence(score: float, *contradicted: str) -> MeasuredSentence:
    return MeasuredSentence(score=score, contradicted=contradicted)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_one_supported_sentence_is_enough_against_refusal_and_the_mean_decides_the_rest(scores: list[float]) -> None:
    found = finding([sentence(score) for score in scores], CONFIG)
    if max(scores) < CONFIG.refuse_below:
        assert found.reason == UNSUPPORTED
    elif sum(scores) / len(scores) < CONFIG.review_below - 1e-9:
        assert found.reason == AWAITS_REVIEW
    elif sum(scores) / len(scores) > CONFIG.review_below + 1e-9:
        assert found is None


def test_a_contradiction_counts_as_no_support_and_always_asks_people() -> None:
    assert finding([sentence(0.9, "blue kite")], CONFIG).reason == UNSUPPORTED
    assert finding([sentence(0.9, "blue kite"), sentence(0.9), sentence(0.9)], CONFIG).reason == AWAITS_REVIEW
    assert finding([sentence(0.9), sentence(0.9)], CONFIG) is None


def test_a_parroted_summary_is_no_sample_and_its_sentences_are_the_evidence(ledger: Ledger) -> None:
    written(ledger, "good")
    written(ledger, "parrot", PARROTED)
    view = view_of(ledger)
    assert sample_ids(view) == ["good"] and due(view, ["good", "parrot"]) == {}
    counts = summarize(view)
    assert (counts.videos, counts.samples, counts.rejected, counts.pending) == (2, 1, 1, 0)
    assert counts.reasons == {"audit: unsupported": 1}
    told = explain(view, "parrot")
    (rejection,) = told.rejections
    assert (rejection.stage, rejection.error_class, rejection.reason) == ("audit", "refused", "unsupported")
    assert all(text in rejection.evidence for text in PARROTED) and "audit.refuse_below: 0.15" in rejection.evidence
    assert told.stages["audit"].status == "done", "its scores stay"


def test_the_middle_ground_waits_for_people_and_their_acceptance_publishes_it(ledger: Ledger) -> None:
    written(ledger, "good")
    vague = written(ledger, "vague", VAGUE)
    view = view_of(ledger)
    assert summarize(view).reasons == {"audit: awaits_review": 1} and sample_ids(view) == ["good"]
    pool = {one.sample_id: one for one in candidates(view)}
    assert pool["vague"].awaiting and not pool["good"].awaiting
    only_one = choose(pool.values(), ReviewConfig(random=0, active=1))
    assert [(one.sample_id, one.stratum) for one in only_one] == [("vague", "active")]

    Reviews(ledger).store([verdict(vague, "reject")])
    assert summarize(view_of(ledger)).reasons == {"review: rejected": 1}
    Reviews(ledger).store([verdict(vague, "accept", at=5)])
    assert sample_ids(view_of(ledger)) == ["good", "vague"] and summarize(view_of(ledger)).rejected == 0


def test_a_verdict_on_other_content_lifts_nothing(ledger: Ledger) -> None:
    vague = written(ledger, "vague", VAGUE)
    other = verdict(make_sample("vague"), "accept")
    Reviews(ledger).store([other])
    assert other.content_sha256 != verdict(vague).content_sha256
    assert sample_ids(view_of(ledger)) == []


def test_people_may_accept_what_the_audit_refused(ledger: Ledger) -> None:
    parrot = written(ledger, "parrot", PARROTED)
    assert [one.sample_id for one in candidates(view_of(ledger))] == [], "nobody is asked about what is plainly wrong"
    Reviews(ledger).store([verdict(parrot, "accept")])
    assert sample_ids(view_of(ledger)) == ["parrot"]


def test_one_exchanged_colour_asks_people(ledger: Ledger) -> None:
    made = make_sample("blue", captions=SCENES[:1], sentences=COLOURED)
    finish(ledger, made, audit=audited(made))
    (rejection,) = Standings(view_of(ledger)).rejections()
    assert rejection.reason == AWAITS_REVIEW and "contradicted: blue kite" in rejection.evidence


def test_only_the_users_word_switches_it_off(ledger: Ledger) -> None:
    written(ledger, "parrot", PARROTED)
    written(ledger, "vague", VAGUE)
    assert sample_ids(view_of(ledger)) == []
    assert sample_ids(view_of(ledger, review_below=None)) == ["vague"]
    assert summarize(view_of(ledger, refuse_below=None)).reasons == {"audit: awaits_review": 2}
    assert sample_ids(view_of(ledger, refuse_below=None, review_below=None)) == ["parrot", "vague"]
    off = LedgerView(ledger, HASHES, ReviewConfig(), AuditConfig(mode="disable"))
    assert sample_ids(off) == ["parrot", "vague"]


def test_what_could_not_be_measured_asks_people(ledger: Ledger) -> None:
    made = make_sample("v")
    gone = Audit(mode="score-only", missing=(Missing(score="support", reason="the embedder is gone"),))
    finish(ledger, made, audit=gone)
    (rejection,) = Standings(view_of(ledger)).rejections()
    assert rejection.reason == AWAITS_REVIEW and "the embedder is gone" in rejection.evidence


def test_audits_of_earlier_versions_count(ledger: Ledger) -> None:
    made = make_sample("parrot", sentences=PARROTED)
    finish(ledger, made, audit=audited(made))
    entry = ledger.entry("parrot", "audit")
    record = json.loads(entry.payload)
    for one in record["support"]["sentences"]:
        del one["contradicted"]
    head = entry.head._replace(digest=sha(json.dumps(record)))
    ledger.write(entry._replace(payload=json.dumps(record), head=head), ())
    assert summarize(view_of(ledger)).reasons == {"audit: unsupported": 1}
    assert Audit.model_validate(record).support is not None


@pytest.mark.slow
def test_the_export_holds_only_what_is_supported(tmp_path: Path) -> None:
    made = [make_sample("good"), make_sample("parrot", sentences=PARROTED), make_sample("vague", sentences=VAGUE)]
    with finished(tmp_path / "w", made, "models.clip=null", audit=audited) as (place, services):
        manifest = export_workspace(place, services)
        assert manifest.samples == 1
        lines = (place.export / "rejections.jsonl").read_text().splitlines()
        reasons = {json.loads(line)["id"]: json.loads(line)["reason"] for line in lines}
        assert reasons == {"parrot": UNSUPPORTED, "vague": AWAITS_REVIEW}
        assert "onions" not in "".join(p.read_text() for p in place.export.rglob("json/*.json"))
        Reviews(services.ledger).store([verdict(made[2], "accept")])
        assert export_workspace(place, services).samples == 2
