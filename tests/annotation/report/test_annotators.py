"""Steady annotators are seldom reported, changing ones are detected, and the figures equal a plain count."""

from __future__ import annotations

from statistics import median

import numpy as np
import pytest

from annotation.report.annotators import annotators
from tests.curation.people import verdict
from tests.curation.samples import make_sample

SAMPLES = [make_sample(f"v{n:03d}") for n in range(160)]


def series(rng, accept, seconds, name="ann", **other):
    """One verdict on each sample, in order: an accept with probability `accept[i]`, in about `seconds[i]`."""
    return [
        verdict(
            sample,
            "accept" if rng.random() < share else "fix",
            name,
            at,
            seconds=float(spent * rng.uniform(0.8, 1.25)),
            **other,
        )
        for at, (sample, share, spent) in enumerate(zip(SAMPLES, accept, seconds, strict=True))
    ]


@pytest.mark.slow
def test_steady_people_are_seldom_reported_and_changing_people_always():
    rng = np.random.default_rng(3)
    flat, slow = [0.7] * 160, [40.0] * 160
    steady = sum(annotators(series(rng, flat, slow))[0].drifts for _ in range(80))
    assert steady <= 10  # 4 are expected of 80
    falling = [0.9] * 80 + [0.5] * 80
    found = [annotators(series(rng, falling, [40.0] * 80 + [20.0] * 80))[0] for _ in range(10)]
    assert all(one.drifts and one.drift.value < -0.15 for one in found)
    assert np.mean([one.drift.value for one in found]) == pytest.approx(-0.4, abs=0.08)
    assert np.mean([one.speed_up for one in found]) == pytest.approx(2.0, abs=0.15)
    for one in found:
        assert [window.verdicts for window in one.windows] == [20] * 8
        shares = [window.accepted for window in one.windows]
        assert np.mean(shares[4:]) - np.mean(shares[:4]) == pytest.approx(one.drift.value, abs=1e-3)


def test_the_active_stratum_is_no_drift():
    rng = np.random.default_rng(4)
    (one,) = annotators(series(rng, [0.1] * 80 + [0.9] * 80, [30.0] * 160, stratum="active"))
    assert (one.drifts, one.windows, one.drift.value) == (False, (), None)
    assert one.verdicts == 160


def test_figures_are_those_of_a_plain_count():
    a, b, c = SAMPLES[:3]
    given = [
        verdict(a, "accept", "ann", 0, seconds=10.0, rating=5),
        verdict(a, "fix", "ann", 1, seconds=30.0, rating=2),
        verdict(b, "accept", "ann", 2, seconds=50.0),
        verdict(c, None, "ann", 3, seconds=999.0),
        verdict(a, "fix", "bob", 0),
        verdict(b, "reject", "bob", 0),
        verdict(b, "reject", "bob", 5, content_sha256="e" * 64),
        verdict(b, "accept", "cyd", 0, stratum="adjudication"),
        verdict(c, "accept", "cyd", 1, stratum="gold"),
        verdict(a, "reject", "cyd", 1, stratum="gold"),
    ]
    people = {one.annotator: one for one in annotators(given, {"v002": False, "v000": False})}
    ann = people["ann"]
    assert (ann.verdicts, ann.accept, ann.fix, ann.reject) == (2, 1, 1, 0)
    assert (ann.seconds, ann.total_seconds, ann.rating) == (median([30.0, 50.0]), 80.0, 2.0)
    assert (ann.agrees.value, ann.agrees.of) == (0.5, 2)
    assert people["bob"].verdicts == 3
    assert people["bob"].seconds is None
    assert (people["cyd"].agrees.of, people["cyd"].gold.value, people["cyd"].gold.of) == (0, 0.5, 2)
    assert annotators([]) == ()
