"""The rules by which figures of the report are ok, to be looked at, or bad."""

from __future__ import annotations

from typing import Any

import pytest

from curation.report.findings import PUBLISHED_RATIO, find
from schemas.configuration.config import CurateConfig
from schemas.documents.run_summary import BindingFigures, Finding, RepeatCounts, RunSummary, Spread

MODELS = {"captioner": {"model": "a"}, "summarizer": {"model": "b"}}


def finding(key: str, summary: dict[str, Any], **sections: Any) -> Finding:
    config = CurateConfig.model_validate({"name": "films", "models": MODELS, **sections})
    (one,) = [each for each in find(RunSummary(name="films", **summary), config) if each.key == key]
    return one


def spread(median: float, low: float | None = None, high: float | None = None, mean: float | None = None) -> Spread:
    low, high = median if low is None else low, median if high is None else high
    mean = median if mean is None else mean
    return Spread(count=20, mean=mean, minimum=low, p05=low, median=median, p95=high, maximum=high)


def test_the_run_that_stood_without_a_flag_is_flagged() -> None:
    """The run that was seen: captions below `min_match`, and nearly every frame a keyframe."""
    summary = {"binding": BindingFigures(videos=9, compared=1128, matched=814), "ratio": spread(0.9)}
    match = finding("match", summary, binding={"min_match": 0.8}, extract={"ratio_max": 1.0})
    assert (match.state, match.value) == ("bad", "814 of 1,128 (72%)")
    assert "binding.min_match is 80%" in match.why and "chance" in match.why
    ratio = finding("ratio", summary, binding={"min_match": 0.8}, extract={"ratio_max": 1.0})
    assert (ratio.state, ratio.value) == ("bad", "0.90")
    assert ratio.why == "5.5 times over extract.ratio_target, 0.1639"


@pytest.mark.parametrize(
    ("matched", "compared", "state"),
    [(100, 100, "ok"), (90, 100, "ok"), (89, 100, "look"), (79, 100, "bad"), (3, 9, "look")],
)
def test_a_share_with_a_floor(matched: int, compared: int, state: str) -> None:
    figures = {"binding": BindingFigures(compared=compared, matched=matched)}
    one = finding("match", figures, binding={"min_match": 0.8})
    assert one.state == state and ("no evidence" in one.why) == (compared == 9)


@pytest.mark.parametrize(("right", "asked", "state"), [(4, 4, "ok"), (5, 8, "look"), (1, 4, "bad"), (0, 1, "look")])
def test_canaries(right: int, asked: int, state: str) -> None:
    assert finding("canaries", {"binding": BindingFigures(canaries=asked, canaries_right=right)}).state == state


@pytest.mark.parametrize(
    ("mean", "state", "words"),
    [
        (PUBLISHED_RATIO, "ok", "near"),
        (0.22, "look", "1.3 times over"),
        (0.07, "bad", "2.3 times under"),
        (0.36, "bad", "outside 0.03 to 0.35"),
        (0.0, "bad", "under"),
    ],
)
def test_the_ratio_is_compared_with_its_target(mean: float, state: str, words: str) -> None:
    one = finding("ratio", {"ratio": spread(0.5, mean=mean)})
    assert one.state == state and words in one.why


def test_another_target_names_the_published_mean() -> None:
    one = finding("ratio", {"ratio": spread(0.3)}, extract={"ratio_target": 0.3})
    assert one.state == "ok" and "0.3 (the published mean is 0.1639)" in one.why


def test_repetitions_are_bad_where_their_alarm_would_ring() -> None:
    def states(**counts: Any) -> list[str]:
        return [finding(key, {"repeats": RepeatCounts(**counts)}).state for key in ("same_summary", "same_choice")]

    assert states(videos=20, same_summary=1, same_choice=1) == ["ok", "ok"]
    assert states(videos=20, same_summary=2, same_choice=4, choice_chance=0.2) == ["look", "look"]
    assert states(videos=20, same_summary=3, same_choice=9, choice_chance=1e-9) == ["bad", "bad"]
    assert states(videos=64, same_summary=3, same_choice=2, choice_chance=1e-9) == ["look", "look"]


@pytest.mark.parametrize(
    ("name", "limits", "spread_", "state"),
    [
        ("coverage", {"min_coverage": 0.5}, spread(0.7, low=0.6), "ok"),
        ("coverage", {"min_coverage": 0.5}, spread(0.7, low=0.4), "look"),
        ("coverage", {"min_coverage": 0.5}, spread(0.4), "bad"),
        ("redundancy", {"max_redundancy": 0.5}, spread(0.3, high=0.6), "look"),
        ("unsupported", {"max_unsupported": 0.2}, spread(0.3), "bad"),
        ("grounding", {"min_grounding": 0.2}, spread(0.3), "ok"),
        ("support", {}, spread(0.5, low=0.2), "look"),
        ("support_pictures", {}, spread(0.5), "bad"),
        ("support_pictures", {}, spread(0.55), "look"),
        ("support_pictures", {}, spread(0.8), "ok"),
    ],
)
def test_audit_scores(name: str, limits: dict[str, float], spread_: Spread, state: str) -> None:
    one = finding(name, {"audits": {name: spread_}}, audit=limits)
    assert one.state == state and one.why and one.value == f"{spread_.median:.2f}"


def test_a_score_without_a_limit_has_no_finding() -> None:
    config = CurateConfig.model_validate({"name": "films", "models": MODELS})
    audits = {"coverage": spread(0.1), "judge": spread(1.0)}
    assert find(RunSummary(name="films", audits=audits), config) == ()


def test_videos_set_aside_and_the_order_of_findings() -> None:
    summary = {"videos": 10, "rejected": 3, "retryable": 1, "ratio": spread(0.9), "repeats": RepeatCounts(videos=3)}
    one = finding("set_aside", summary, run={"max_rejected": 0.3})
    assert (one.state, one.value) == ("bad", "4 of 10 (40%)") and "run.max_rejected" in one.why
    assert finding("set_aside", summary, run={"max_rejected": 0.6}).state == "look"
    assert finding("set_aside", summary).state == "ok"
    config = CurateConfig.model_validate({"name": "films", "models": MODELS, "run": {"max_rejected": 0.6}})
    assert [each.state for each in find(RunSummary(name="films", **summary), config)] == ["bad", "look", "ok", "ok"]
