"""The figures: tau by an independent implementation, calibration of planted rejections, and cost of shared prefixes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, mannwhitneyu

from benchmarks.saliency_study.figures import auc, calibration, figures, rejects, taus
from benchmarks.saliency_study.prefix_cache import PrefixCache

FRAMES = 30
CHOICE = st.sets(st.integers(0, FRAMES - 1), min_size=1, max_size=10).map(sorted)


def row(choices: list[list[int]], truth: list[int], film: int = 1) -> dict[str, Any]:
    consensus = next(choice for choice in choices if choice)
    costs = {name: [10, 50] for name in ("tokens_in", "tokens_out", "computed")}
    made = {"film": film, "lost": 0.0, "frames": FRAMES, "truth": truth, "choices": choices, "consensus": consensus}
    return {**made, "fault": None, **costs}


@given(st.lists(CHOICE, min_size=2, max_size=5), CHOICE)
def test_tau_is_that_of_scipy(choices: list[list[int]], truth: list[int]) -> None:
    target = [index in truth for index in range(FRAMES)]
    found = taus(row([*choices, []], truth))
    mean = [sum(index in choice for choice in choices) / len(choices) for index in range(FRAMES)]
    assert found["saliency"] == pytest.approx(np.nan_to_num(kendalltau(mean, target).statistic, nan=-1.0))
    first = kendalltau([index in choices[0] for index in range(FRAMES)], target).statistic
    assert found["first"] == pytest.approx(first)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 0.8, 1.0]), st.booleans()), min_size=1, max_size=30))
def test_auc_is_mann_whitneys_u(pairs: list[tuple[float, bool]]) -> None:
    agreed, out = np.array([one for one, _ in pairs]), np.array([two for _, two in pairs])
    low, high = agreed[out], agreed[~out]
    expected = mannwhitneyu(high, low).statistic / (len(low) * len(high)) if len(low) and len(high) else None
    assert auc(agreed, out) == (None if expected is None else pytest.approx(expected))


def test_calibration_counts_every_sample_once() -> None:
    agreed = [0.1, 0.65, 0.7, 0.79, 0.85, 0.95, 1.0, 1.0]
    found = calibration(agreed, [True, True, True, False, False, False, True, False])
    assert [group[:4] for group in found["groups"]] == [
        [0.0, 0.7, 2, 2], [0.7, 0.8, 2, 1], [0.8, 0.9, 1, 0], [0.9, 1.0, 1, 0], [1.0, 1.0, 2, 1],
    ]  # fmt: skip
    assert found["rejected"] == [4, 8] and found["first"] == [2, 2]
    value, low, high = found["auc"]
    assert low <= value <= high and value > 0.5
    assert calibration([1.0, 1.0], [False, False])["auc"] is None


def test_people_reject_what_is_mostly_wrong() -> None:
    right, wrong = row([[1, 5, 9]] * 5, [1, 5, 9]), row([[2, 6, 10]] * 5, [1, 5, 9])
    shares = [sum(rejects(one, random.Random(seed)) for seed in range(200)) / 200 for one in (right, wrong)]
    assert shares[0] < 0.1 and shares[1] > 0.9


def test_rejected_films_and_unusable_choices_are_counted() -> None:
    rows = [row([[1, 2], [], [1, 3], [1, 2], [1]], [1, 2], film) for film in range(4)]
    found = figures([*rows, {**rows[0], "choices": [], "consensus": [], "fault": "extract_failed"}])
    assert (found["films"], found["rejected"], found["unusable"]) == (5, 1, 4)
    assert found["cost"]["tokens_in"] == [50, 250], "what a rejected film cost counts too"
    assert found["tau_differences"]["saliency - first"][0] < 0, "here the first choice is the truth"


@given(st.lists(st.text("ab", max_size=40), min_size=1, max_size=6))
def test_a_prefix_cache_computes_what_no_earlier_prompt_began_with(texts: list[str]) -> None:
    cache, seen = PrefixCache(lambda text: [ord(one) for one in text], block=4), list[str]()
    for text in texts:
        blocks = [length for length in range(4, len(text) + 1, 4) if any(s[:length] == text[:length] for s in seen)]
        assert cache.computed(text) == max(len(text) - max(blocks, default=0), min(1, len(text)))
        seen.append(text)


def test_the_same_prompt_again_costs_less_than_a_block() -> None:
    cache = PrefixCache(lambda text: list(range(len(text))))
    assert [cache.computed("x" * 40) for _ in range(3)] == [40, 8, 8]
    assert PrefixCache(lambda text: list(range(len(text)))).computed("x" * 32) == 32
