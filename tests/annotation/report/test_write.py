"""The report: hand-computed figures, simulated annotators with known truth, and a page without active content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from annotation.report.page import render_review
from annotation.report.write import HTML_NAME, JSON_NAME, review_findings, review_report, write_review
from curation.ledger.ledger import Ledger
from curation.review.verdict_store import Pushed, Reviews
from curation.status.counts import summarize
from curation.status.view import LedgerView
from schemas.configuration.review_config import ReviewConfig
from schemas.documents.review_report import Fix, ReviewReport
from schemas.review import AddedKeyframe
from tests.annotation.simulated import binary
from tests.curation.hashes import HASHES
from tests.curation.people import finish, shown, verdict
from tests.curation.samples import make_sample

AT = "2026-03-01T12:00:00+00:00"
MADE = [make_sample(f"v{number:03d}") for number in range(8)]
HOSTILE = "</style><img src=x onerror=alert(1)>\u202e{{7*7}}\"'<script>"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    yield opened
    opened.close()


def under(ledger: Ledger, **rules) -> LedgerView:
    return LedgerView(ledger, HASHES, ReviewConfig(**rules))


def test_an_empty_review_is_a_report_too(ledger: Ledger) -> None:
    report = review_report(LedgerView(ledger, HASHES), "empty", at=AT)
    assert report == ReviewReport(name="empty", at=AT)
    assert "Nobody has judged anything yet" in render_review(report)


@pytest.mark.slow
def test_the_figures_of_a_small_review(ledger: Ledger) -> None:
    for sample in MADE:
        finish(ledger, sample)
    a, b, c, d = MADE[:4]
    edit = shown(a, k0={"caption": "a blue kite over a green hill", "changed": True}, k3={"judged": "drop"})
    reviews = Reviews(ledger)
    reviews.store(
        [
            verdict(a, "accept", "ann", 0, rating=5, seconds=20.0),
            verdict(a, "fix", "bob", 0, rating=4, keyframes=edit, seconds=40.0, problems=("unknown field x",)),
            verdict(b, "accept", "ann", 1, rating=3),
            verdict(b, "accept", "bob", 1, rating=3, added=(AddedKeyframe(index=5, time=5.0),)),
            verdict(c, "reject", "ann", 2, reasons=("hallucinated",)),
            verdict(d, None, "ann", 3),
            verdict(d, "accept", "ann", 3, content_sha256="0" * 64, origin="old"),
            verdict(d, "accept", "ann", 4, stratum="gold", sample_id="gold1", origin="g"),
        ]
    )
    reviews.note_pushed("p", [Pushed(s.video.id, "0" * 64, n, "random", 1.0) for n, s in enumerate(MADE[:5])])
    report = review_report(under(ledger, random=8, active=0), "small", gold={"gold1": False}, at=AT)
    progress = report.progress.model_dump(exclude={"strata"})
    assert progress == {
        "samples": 8,
        "pushed": 5,
        "verdicts": 8,
        "finished": 7,
        "half_finished": 1,
        "stale": 1,
        "gold": 1,
        "unreviewed": 5,
        "accepted": 0,
        "fixed": 0,
        "rejected": 1,
        "disputed": 2,  # b: an accept with a keyframe more is a fix
    }
    assert summarize(LedgerView(ledger, HASHES)).rejected == 1
    strata = {one.stratum: (one.chosen, one.judged) for one in report.progress.strata}
    assert strata == {"random": (8, 3), "adjudication": (2, 0)}
    found = report.agreement
    # Verdicts accept/fix and accept/accept: coincidences aa 2, af 1, fa 1; D_o = 2/4, D_e = 2*3*1/(4*3): alpha 0.
    assert (found.verdict_alpha.value, found.verdict_alpha.of) == (0.0, 2)
    # Keyframes {0,3,9} and {0,9}: F1 4/5; {0,3,9} and {0,3,5,9}: 6/7.
    assert found.keyframe_f1.value == pytest.approx((4 / 5 + 6 / 7) / 2, abs=5e-5)
    # "red" to "blue" is 4 edits, of 29 characters; one of two captions that both kept, in one of two samples.
    assert found.caption_distance.value == pytest.approx(4 / 29 / 2 / 2, abs=5e-5)
    assert found.summary_distance.value == 0.0
    errors = report.errors
    assert (errors.population, errors.drawn, errors.judged, errors.disputed) == (8, 8, 3, 2)
    assert (errors.rate.value, errors.rejected.value) == (1.0, pytest.approx(1 / 3, abs=5e-5))
    assert errors.specificity.value == 1.0
    assert Fix(what="keyframe dropped", verdicts=1, times=1) in report.fixes
    assert {fix.what for fix in report.fixes} == {
        "caption rewritten",
        "keyframe dropped",
        "keyframe added",
        "reason: hallucinated",
    }
    assert report.judged_verdicts == 5
    assert report.edit_distance_captions.value == pytest.approx(4 / 29, abs=5e-5)
    assert (report.seconds[0], report.seconds[5], report.seconds[-1]) == (20.0, 30.0, 40.0)
    assert report.problems == {"unknown field x": 1}
    assert review_report(under(ledger, random=8, active=0), "small", gold={"gold1": False}, at=AT) == report
    for drawn in (8, 3):
        view = under(ledger, random=drawn, active=0)
        alone, whole = (
            review_findings(view, {"gold1": False}),
            review_report(view, "small", gold={"gold1": False}, at=AT),
        )
        assert (alone.errors, alone.agreement) == (whole.errors, whole.agreement)
        assert [(one.annotator, one.verdicts, one.fix) for one in alone.people] == [
            (one.annotator, one.verdicts, one.fix) for one in whole.annotators
        ]


def test_what_was_changed_too_quickly_is_no_change(ledger: Ledger) -> None:
    """Verdicts that do not count say nothing about the models' texts."""
    finish(ledger, MADE[0])
    reject = verdict(MADE[0], "reject", reasons=("hallucinated",), seconds=1.0)
    Reviews(ledger).store([reject])
    reports = [review_report(under(ledger, min_seconds=least), "quick", at=AT) for least in (0.0, 2.0)]
    assert [(report.judged_verdicts, len(report.fixes)) for report in reports] == [(1, 1), (0, 0)]


def test_verdicts_that_were_too_quick_play_no_part_in_agreement_and_gold_questions(ledger: Ledger) -> None:
    for sample in MADE[:2]:
        finish(ledger, sample)
    a, b = MADE[:2]
    gold = {"gold1": True}
    quick = [
        verdict(a, "reject", "bob", seconds=1.0),
        verdict(b, "reject", "bob", seconds=1.0),
        verdict(a, "accept", "bob", 4, stratum="gold", sample_id="gold1", seconds=1.0),
        verdict(a, "fix", "cyd", 9, seconds=1.0),
    ]
    slow = [
        verdict(a, "accept", "ann", seconds=30.0),
        verdict(b, "fix", "ann", 1, added=(AddedKeyframe(index=5, time=5.0),)),
        verdict(a, "accept", "cyd", 2, seconds=30.0),
    ]
    Reviews(ledger).store([*slow, *quick])
    view = under(ledger, random=8, active=0, min_seconds=2.0)
    found = review_report(view, "quick", gold=gold, at=AT)
    assert review_findings(view, gold).errors == found.errors
    people = {one.annotator: one for one in found.annotators}
    assert {name: (one.verdicts, one.quick) for name, one in people.items()} == {
        "ann": (2, 0),
        "bob": (3, 3),
        "cyd": (1, 0),
    }, "an earlier verdict of cyd on that content counts"
    assert people["bob"].gold.of == found.errors.sensitivity.of == 0
    assert (people["ann"].agrees.value, people["ann"].agrees.of) == (1.0, 1)
    assert found.agreement.keyframe_f1.of == 1
    before = review_report(under(ledger, random=8, active=0), "quick", gold=gold, at=AT)
    assert {one.annotator: one.gold.of for one in before.annotators} == {"ann": 0, "bob": 1, "cyd": 0}
    assert before.agreement.keyframe_f1.of == 1 and {one.quick for one in before.annotators} == {0}


@pytest.mark.slow
def test_simulated_people_give_intervals_that_cover_the_truth(tmp_path: Path) -> None:
    """400 samples, 22 % with an error; people find 85 % of the errors and pass 93 % of the good ones."""
    rng = np.random.default_rng(11)
    ledger = Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")
    made = [make_sample(f"s{n:03d}", frames=2, keyframes=(0,)) for n in range(400)]
    gold = {f"g{n}": n % 2 == 0 for n in range(120)}
    for sample in made:
        finish(ledger, sample)
    covered = 0
    for run in range(20):
        wrong = {sample.video.id: bool(rng.random() < 0.22) for sample in made}
        true = np.mean(list(wrong.values()))
        view = under(ledger, random=150, active=0, seed=run)
        reviews = Reviews(ledger)
        votes = [binary(sample, wrong[sample.video.id], rng, 0.85, 0.93, annotator=f"p{run}") for sample in made]
        asked = [
            binary(made[0], has, rng, 0.85, 0.93, annotator=f"p{run}", sample_id=name, stratum="gold", origin=name)
            for name, has in gold.items()
        ]
        with ledger.engine.begin() as connection:
            connection.exec_driver_sql("delete from verdicts")
        reviews.store([*votes, *asked])
        errors = review_report(view, "x", gold=gold, at=AT).errors
        assert (errors.judged, errors.drawn, errors.population) == (150, 150, 400)
        covered += errors.corrected.low <= true <= errors.corrected.high
    assert covered >= 17  # of 20 at 95 %: fewer come in one of 60
    ledger.close()


class Tags(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def busy(ledger: Ledger, people: int = 4, name: str = "ann") -> ReviewReport:
    """A review with all sections: many people, drift, edits, disputes, gold, hostile names."""
    rng = np.random.default_rng(8)
    made = [make_sample(f"w{n:03d}") for n in range(140)]
    for sample in made:
        finish(ledger, sample)
    votes = []
    for person in range(people):
        who = f"{name}{person}"
        for at, sample in enumerate(made):
            if rng.random() < 0.4:
                continue
            kind = rng.choice(["accept", "fix", "reject"], p=(0.8, 0.15, 0.05) if at < 70 else (0.5, 0.35, 0.15))
            other = {}
            if kind == "fix":
                other["keyframes"] = shown(
                    sample,
                    k0={"caption": "a kite, a hill", "changed": True},
                    **({"k3": {"judged": "drop"}} if rng.random() < 0.4 else {}),
                )
                if rng.random() < 0.3:
                    other["summary"] = "[0.0]A kite flies. [9.0]They cook."
            if kind == "reject":
                other["reasons"] = (str(rng.choice(["hallucinated", "bad_text", "unusable_video"])),)
            seconds = float(rng.lognormal(3.4, 0.5))
            votes.append(
                verdict(
                    sample,
                    str(kind),
                    who,
                    at,
                    rating=int(rng.integers(2, 6)),
                    seconds=seconds,
                    problems=(HOSTILE,) if at == 0 else (),
                    **other,
                )
            )
        votes += [
            verdict(
                made[0],
                "accept" if rng.random() < 0.8 else "reject",
                who,
                n,
                sample_id=f"g{n}",
                stratum="gold",
                origin=f"g{n}{who}",
            )
            for n in range(12)
        ]
    Reviews(ledger).store(votes)
    gold = {f"g{n}": n % 3 == 0 for n in range(12)}
    return review_report(under(ledger, random=100, active=30), "instruct_v2xum", gold=gold, at=AT)


@pytest.mark.slow
def test_the_page_is_whole_inert_and_asks_nothing_of_any_network(ledger: Ledger, tmp_path: Path) -> None:
    report = busy(ledger, name=HOSTILE)
    page = write_review(tmp_path / "report", report)
    assert page.name == HTML_NAME
    assert ReviewReport.model_validate_json((tmp_path / "report" / JSON_NAME).read_text(encoding="utf-8")) == report
    assert sorted(path.name for path in page.parent.iterdir()) == [HTML_NAME, JSON_NAME]
    text = page.read_text(encoding="utf-8")
    tags = Tags(text).found
    names = {tag for tag, _ in tags}
    assert not names & {"script", "img", "iframe", "object", "link", "form", "base"}
    assert "\u202e" not in text
    assert text.count("<style>") == text.count("</style>") == 1
    attributes = [(tag, key, value or "") for tag, held in tags for key, value in held.items()]
    assert not [key for _, key, _ in attributes if key.startswith("on") or key in ("style", "src", "srcset")]
    assert all(value.startswith("#") for _, key, value in attributes if key == "href")
    policy = next(held["content"] for tag, held in tags if held.get("http-equiv") == "Content-Security-Policy")
    assert policy and policy.startswith("default-src 'none'; style-src 'sha256-")
    assert not re.search(r"https?://|url\(|@import", text)
    assert "{{7*7}}" in text
    for heading in ("Progress", "Label errors", "Agreement of annotators", "What people fixed most", "Annotators"):
        assert heading in text
    assert text.count('<figure class="plot">') == 5
