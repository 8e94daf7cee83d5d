"""The published page says what its JSON says; the intervals of paired differences are those of paired differences."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.proof_study.figures import METRICS, paired_difference
from benchmarks.proof_study.page import page, plot
from evaluation.uncertainty.runs import Span
from schemas.repository import ROOT

RESULTS = ROOT / "docs" / "results"


def test_the_page_and_the_plot_are_made_of_the_json() -> None:
    found = json.loads((RESULTS / "proof.json").read_text(encoding="utf-8"))
    assert (RESULTS / "proof.md").read_text(encoding="utf-8") == page(found)
    assert (RESULTS / "proof.svg").read_text(encoding="utf-8") == plot(found)
    assert found["about"]["seeds"] == 5
    for part in (found["random"], found["habits"]):
        rows = part["conditions"]
        for name in ("videos", "steps"):  # the budget is the same for all conditions of a seed
            assert len({tuple(row[name]) for row in rows.values()}) == 1 and len(rows["raw"][name]) == 5
        for name, row in part["differences"].items():
            one, other = name.split(" - ")
            for metric in METRICS:
                value, low, high = row[metric]
                assert low <= value <= high and abs(rows[one][metric][0] - rows[other][metric][0] - value) < 1e-9
        claim = part["claim"]
        assert claim["holds"] == (part["differences"][claim["of"]][claim["metric"]][1] > 0)


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ([0.01, -0.02, 0.04], "a gain is **not shown**"),
        ([-0.03, -0.05, -0.01], "**below zero**"),
        ([0.03, 0.01, 0.05], "**above zero**"),
    ],
)
def test_the_claim_is_told_as_its_interval_has_it(ends: list[float], told: str) -> None:
    found = json.loads((RESULTS / "proof.json").read_text(encoding="utf-8"))
    for part in (found["random"], found["habits"]):
        part["differences"][part["claim"]["of"]] = dict.fromkeys(METRICS, ends)
    assert page(found).count(told) == 2


def test_pairs_take_out_what_films_and_seeds_have_in_common() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.6, (5, 1)) + rng.uniform(0, 0.3, (1, 24))
    noise = rng.normal(0, 0.02, (2, 5, 24))
    _, low, high = paired_difference(base + noise[0], base + 0.05 + noise[1], Span(-1, 1))
    assert low < 0.05 < high and high - low < 0.03 and low > 0
    by_seed = np.array([0.3, -0.2, 0.25, -0.25, 0.0])[:, None]
    _, low, high = paired_difference(base, base + by_seed + noise[1], Span(-1, 1))
    assert low < 0 < high and high - low > 0.4, "seeds that disagree make it wide"
