"""The simulation of coverage, in a quick form that still fails when intervals are too narrow or leave their range."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.coverage import KINDS, Coverage, coverage, page

SAMPLES = 100


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_intervals_hold_the_truth_with_one_run_and_with_few(kind: str) -> None:
    cases = [(1, 10, 0.0), (1, 20, 0.0), (2, 10, 0.0), (2, 20, 0.1), (2, 20, 0.4), (3, 20, 0.4), (5, 10, 0.1)]
    found = [coverage(kind, runs, videos, spread, SAMPLES) for runs, videos, spread in cases]
    assert all(one.outside == 0 for one in found)
    assert all(one.held >= 0.88 for one in found), found  # 0.95 less three standard errors of 100 samples
    assert 0.93 <= np.mean([one.held for one in found]) <= 0.985, found
    apart = found[4]
    assert apart.plain_held < 0.92 < apart.held, "runs that are drawn with replacement are too alike"


def test_the_page_has_a_row_for_every_case() -> None:
    made = [Coverage(kind, runs, 10, 0.1, 0.951, 0.2, 0.8, 0.1, 0) for kind in KINDS for runs in (1, 2)]
    text = page(made, 1000)
    assert text.count("| 10 | 0.951 |") == len(made)
    assert "left the metric's range: 0 of 6,000" in text
