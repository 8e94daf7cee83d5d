"""The published page says what its JSON says, bad figures too."""

from __future__ import annotations

import copy
import json

import pytest

from benchmarks.clip_study.curation import SIZES
from benchmarks.clip_study.page import claim, equal, page
from schemas.repository import ROOT

RESULTS = ROOT / "docs" / "results"
STATED = json.loads((RESULTS / "clips.json").read_text(encoding="utf-8"))


def test_the_page_is_made_of_the_json() -> None:
    assert (RESULTS / "clips.md").read_text(encoding="utf-8") == page(STATED)
    assert STATED["films"] == STATED["about"]["films"]
    for key in ("events", "f1"):
        assert [*STATED[key]] == [*SIZES]
        for condition, (value, low, high) in STATED[f"{key}_differences"].items():
            assert low <= value <= high and 0 <= STATED[key][condition][1] <= STATED[key][condition][2] <= 1
            assert abs(STATED[key][condition][0] - STATED[key]["frame"][0] - value) < 1e-9
    pictures = {SIZES[condition]: cost["pictures"] for condition, cost in STATED["cost"].items()}
    assert pictures[0] < pictures[8] < pictures[4] < pictures[2], "each clip but the first shows one more"
    for condition in SIZES:
        assert sum(hits for hits, _ in STATED["kinds"][condition].values()) <= STATED["counts"][condition]["named"][0]


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ([0.05, -0.02, 0.12], "are **not shown** to change the share of events found: +0.050 (-0.020 to +0.120)"),
        ([-0.03, -0.05, -0.01], "**lower** the share of events found: -0.030"),
        ([0.05, 0.01, 0.09], "**raise** the share of events found: +0.050"),
    ],
)
def test_a_claim_is_told_as_its_interval_has_it(ends: list[float], told: str) -> None:
    found = copy.deepcopy(STATED)
    found["events_differences"]["clips of 4"] = ends
    assert claim(found, "clips of 4").startswith(f"Clips of 4 {told}") and claim(found, "clips of 4") in page(found)


def test_equal_tokens_are_those_of_the_clips_that_come_nearest() -> None:
    found = copy.deepcopy(STATED)
    for number, condition in enumerate(SIZES):
        found["cost"][condition].update(tokens_in=1000 + 100 * abs(number - 2), tokens_out=0)
        found["counts"][condition]["exact"] = [50, 100]
    found["cost"]["frame"]["tokens_in"] = 990
    assert "clips of 4 come nearest to frames here, with 1.01 times their tokens" in equal(found)
    # Half of the films have no sample: what the others cost is shared by the captions of these others alone.
    found["cost"]["clips of 4"]["tokens_in"], found["counts"]["clips of 4"]["exact"] = 500, [25, 50]
    assert "clips of 4 come nearest to frames here, with 1.01 times their tokens" in equal(found)
