from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation.baselines import random_floor
from evaluation.cases import Prediction, Predictions, Reference, References, System
from evaluation.evaluate import DRAWS, Inputs, evaluate
from evaluation.protocols import get
from evaluation.uncertainty.bootstrap import intervals, mean_of
from evaluation.uncertainty.draws import interval_of_draws

VIDEOXUM = get("videoxum")


def references(videos: int) -> tuple[Reference, ...]:
    rng = np.random.default_rng(videos)
    frames = rng.integers(40, 90, videos).tolist()
    return tuple(Reference(f"v{i}", t, selections=rng.random((5, t)) < 0.2) for i, t in enumerate(frames))


@pytest.mark.slow
@pytest.mark.parametrize("videos", [5, 40])
def test_the_floors_of_other_seeds_lie_within_the_interval(videos: int) -> None:
    """The interval over videos of means over draws shrinks with the draws: it left out every sixth of other floors."""
    known = references(videos)
    system = System("s", (Predictions(tuple(Prediction(r.id, scores=np.arange(r.frames)) for r in known), ()),))
    floors = {seed: random_floor(VIDEOXUM, known, draws=DRAWS, seed=seed).videos for seed in range(10)}
    for seed in (0, 1, 2):
        made = evaluate(VIDEOXUM, References(known, ()), [system], Inputs("r", "0" * 64, {}), seed=seed).evaluation
        [row] = [row for row in made.systems if row.kind == "random"]
        assert row.videos == floors[seed] and "draws once" in row.note
        for metric in row.metrics:
            assert metric.low is not None and metric.high is not None
            for other, videos_of in floors.items():
                floor = np.mean([v.values[metric.name] for v in videos_of])
                assert metric.low <= floor <= metric.high, (metric.name, seed, other)
            assert -1 <= metric.low <= metric.high <= 1


def test_the_interval_is_as_wide_as_that_of_a_system_that_draws_once() -> None:
    rng = np.random.default_rng(1)
    draws = rng.normal(0, 0.3, (25, 1)) + rng.normal(0, 0.5, (25, 400))
    once = intervals([mean_of(draws[:, i]) for i in range(20)], seed=0)
    width = np.mean([each.high - each.low for each in once])
    value, low, high = interval_of_draws(draws, 0)
    assert value == pytest.approx(draws.mean()) and low < value < high
    assert high - low == pytest.approx(width, rel=0.1)


def test_undefined_draws_and_too_few_videos() -> None:
    some = np.array([[0.0, np.nan, 0.2], [np.nan, np.nan, np.nan], [0.4, 0.4, np.nan]])
    value, low, high = interval_of_draws(some, 0)
    assert value == pytest.approx((0.1 + 0.4) / 2) and 0 <= low <= value <= high <= 0.4
    for alone in (some[:1], some[:2]):
        value, low, high = interval_of_draws(alone, 0)
        assert value == pytest.approx(0.1) and math.isnan(low) and math.isnan(high)
    assert all(map(math.isnan, interval_of_draws(some[1:2], 0))) and all(
        map(math.isnan, interval_of_draws(some[:0], 0))
    )
    assert interval_of_draws(np.full((9, 4), 0.25), 0) == (0.25, 0.25, 0.25)
