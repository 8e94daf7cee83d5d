"""Samples on which several annotators disagree go to people first, and stand first in the list by scores."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotation.push.strata import candidates, choose
from curation.report.overview import Overview
from curation.report.summary import sum_up
from curation.status.explain import explain
from curation.status.listing import list_videos
from curation.status.selection import Selection
from curation.status.standings import Standings
from flows.cli.printing.print_explanation import print_explanation
from schemas.audit import Audit, Redundancy
from schemas.configuration.review_config import ReviewConfig
from schemas.records import Choice, Sample
from tests.curation.finished import finished
from tests.curation.samples import make_sample

REDUNDANCY = {"v0": 0.2, "v1": 0.1, "v2": 0.3, "v3": 0.4}
SECOND = {"v0": (0, 3, 9), "v1": (0, 3, 8), "v2": (1,), "v3": (0, 3, 9)}


def sample(name: str) -> Sample:
    made = make_sample(name)
    choices = (Choice(keyframes=made.extract.keyframes), Choice(keyframes=SECOND[name]))
    return made.model_copy(update={"extract": made.extract.model_copy(update={"choices": choices})})


def audit(made: Sample) -> Audit:
    redundancy = Redundancy(sentences=REDUNDANCY[made.video.id], pictures=0)
    return Audit(mode="score-only", redundancy=redundancy)


def test_low_self_agreement_comes_first_beside_bad_audits(tmp_path: Path) -> None:
    several = [sample(name) for name in SECOND]
    settings = ("extract.annotators=2", "audit.review_below=null", "audit.refuse_below=null")
    with finished(tmp_path / "several", several, *settings, audit=audit) as (_, services):
        known = {one.sample_id: one for one in candidates(services.view)}
        assert {name: one.scores["self_agreement"] for name, one in known.items()} == {
            "v0": 1.0, "v1": 0.6667, "v2": 0.0, "v3": 1.0,
        }  # fmt: skip
        chosen = choose(known.values(), ReviewConfig(random=0, active=2, overlap=0))
        assert [one.sample_id for one in chosen] == ["v2", "v3"], "the least agreement, then the worst audit"
        listed = list_videos(services.view, Selection(), "score").listed
        assert [row.id for row in listed] == ["v2", "v3", "v1", "v0"]
        first = {row.id: row.score for row in listed}["v2"]
        assert first is not None and (first.name, first.value, first.share_as_bad) == ("self_agreement", 0.0, 0.25)


def test_explain_shows_what_each_annotator_chose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    several = [sample(name) for name in SECOND]
    with finished(tmp_path / "several", several, "extract.annotators=2", audit=audit) as (workspace, services):
        print_explanation(explain(services.view, "v1"), workspace.root)
        said = capsys.readouterr().out
    assert "annotator 1 0 3 8\n" in said and "agreement  0.6667 (" in said and "  by " not in said


def test_explain_and_the_report_name_the_models_that_took_turns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = sample("v1")
    maker = made.extract.maker
    makers = (maker, maker.model_copy(update={"model": "another", "revision": "f" * 40}))
    choices = tuple(c.model_copy(update={"maker": m}) for c, m in zip(made.extract.choices, makers, strict=True))
    made = made.model_copy(update={"extract": made.extract.model_copy(update={"choices": choices})})
    model = "{engine: openai, model: another, revision: r2, base_urls: ['http://127.0.0.1:9/v1']}"
    settings = ("extract.annotators=2", f"models.annotators=[{model}]")
    with finished(tmp_path / "several", [made], *settings, audit=audit) as (workspace, services):
        print_explanation(explain(services.view, "v1"), workspace.root)
        said = capsys.readouterr().out
        summary = sum_up(services, Overview(Standings(services.view), services.config.extract), None, None)
    assert f"annotator 1 0 3 8\n{'':13}by another, revision ffffffffffff\n" in said
    used = {use.role: use for use in summary.models}
    assert (used["annotators.0"].model, used["annotators.0"].revision) == ("another", "r2")
    assert used["annotators.0"].prompts.items() <= used["summarizer"].prompts.items(), "the prompt of the choice"
    assert len(used["annotators.0"].prompts) == 1


def test_one_annotator_has_no_such_score(tmp_path: Path) -> None:
    with finished(tmp_path / "one", [make_sample("v0"), make_sample("v1")], audit=audit) as (_, services):
        assert all("self_agreement" not in one.scores for one in candidates(services.view))
