"""The published page says what its JSON says, bad figures too."""

from __future__ import annotations

import copy
import json
from xml.etree import ElementTree

import pytest

from benchmarks.saliency_study.page import page, plot
from benchmarks.saliency_study.run import MODELS
from schemas.repository import ROOT

RESULTS = ROOT / "docs" / "results"
STATED = json.loads((RESULTS / "saliency.json").read_text(encoding="utf-8"))


def test_the_page_and_the_plot_are_made_of_the_json() -> None:
    assert (RESULTS / "saliency.md").read_text(encoding="utf-8") == page(STATED)
    assert (RESULTS / "saliency.svg").read_text(encoding="utf-8") == plot(STATED)
    ElementTree.fromstring(plot(STATED))
    for condition, one in STATED["conditions"].items():
        assert one["films"] == STATED["about"]["films"] and sum(g[2] for g in one["calibration"]["groups"]) == (
            one["films"] - one["rejected"]
        )
        for name in ("first", "each", "consensus"):
            value, low, high = one["tau_differences"][f"saliency - {name}"]
            assert low <= value <= high and abs(one["tau"]["saliency"][0] - one["tau"][name][0] - value) < 1e-9
        first, every = one["cost"]["computed"]
        assert every > 4.5 * first if condition == MODELS else every < 2 * first, "one server reads captions once"
    assert STATED["recipe"]["computed"] < 1.1 * STATED["recipe"]["one"]


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ([0.01, -0.02, 0.04], "is **not shown**"),
        ([-0.03, -0.05, -0.01], "**farther from the truth**"),
        ([0.03, 0.01, 0.05], "**nearer to the truth**"),
    ],
)
def test_the_claim_is_told_as_its_interval_has_it(ends: list[float], told: str) -> None:
    found = copy.deepcopy(STATED)
    for one in found["conditions"].values():
        one["tau_differences"] = dict.fromkeys(one["tau_differences"], ends)
        one["calibration"]["auc"] = None
    assert page(found).count(told) == 2 * len(found["conditions"])
    assert page(found).count("nothing can be said") == len(found["conditions"])
