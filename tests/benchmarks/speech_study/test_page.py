"""The published page says what its JSON says, bad figures too."""

from __future__ import annotations

import copy
import json
from xml.etree import ElementTree

import pytest

from benchmarks.speech_study.curation import CONDITIONS
from benchmarks.speech_study.page import page, plot
from schemas.repository import ROOT

RESULTS = ROOT / "docs" / "results"
STATED = json.loads((RESULTS / "speech.json").read_text(encoding="utf-8"))


def test_the_page_and_the_plot_are_made_of_the_json() -> None:
    assert (RESULTS / "speech.md").read_text(encoding="utf-8") == page(STATED)
    assert (RESULTS / "speech.svg").read_text(encoding="utf-8") == plot(STATED)
    ElementTree.fromstring(plot(STATED))
    assert STATED["films"] == STATED["about"]["films"]
    for name in CONDITIONS:
        value, low, high = STATED["f1"][name]
        assert 0 <= low <= value <= high <= 1
    for name, (value, low, high) in STATED["differences"].items():
        one, other = name.split(" - ")
        assert low <= value <= high and abs(STATED["f1"][one][0] - STATED["f1"][other][0] - value) < 1e-9


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ([0.05, -0.02, 0.12], "is **not shown**: +0.050"),
        ([-0.03, -0.05, -0.01], "**take** keyframe F1 away"),
        ([0.05, 0.01, 0.09], "interval above zero, is not reached"),
        ([0.15, 0.05, 0.25], "interval above zero, is reached"),
    ],
)
def test_the_claim_is_told_as_its_interval_has_it(ends: list[float], told: str) -> None:
    found = copy.deepcopy(STATED)
    found["differences"] = dict.fromkeys(found["differences"], ends)
    assert told in page(found)
    assert ("comes from **what** is said" in page(found)) == (ends[1] > 0)
    ElementTree.fromstring(plot(found))
