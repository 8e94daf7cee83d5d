"""Simulated annotators with a known error rate, who judge samples with known truth."""

from __future__ import annotations

import numpy as np

from schemas.records import Sample
from schemas.review import Verdict
from tests.curation.people import verdict

DECISIONS = ("accept", "fix", "reject")


def answers(
    rng: np.random.Generator, truth: np.ndarray, people: int, error: float, missing: float = 0.0
) -> list[dict[str, str]]:
    """Each person's decision on each unit: the truth or, at the error rate, one of the two others; some are missing."""
    units = []
    for true in truth:
        decisions = {}
        for person in range(people):
            if rng.random() < missing:
                continue
            wrong = rng.random() < error
            decisions[f"p{person}"] = DECISIONS[(true + rng.integers(1, 3)) % 3 if wrong else true]
        units.append(decisions)
    return units


def true_alpha(shares: tuple[float, float, float], error: float) -> float:
    """The alpha of infinitely many units: pairs of judgements of one unit, compared with pairs from any units."""
    given = np.full((3, 3), error / 2) + np.eye(3) * (1 - 1.5 * error)  # [truth, said]
    together = np.einsum("t,ta,tb->ab", shares, given, given)
    alone = together.sum(axis=0)
    return 1 - (1 - np.trace(together)) / (1 - float(alone @ alone))


def binary(
    sample: Sample, wrong: bool, rng: np.random.Generator, finds: float, passes: float, **other: object
) -> Verdict:
    """A verdict of someone who finds an error with probability `finds` and passes a good sample with `passes`."""
    accepts = rng.random() < passes if not wrong else rng.random() >= finds
    return verdict(sample, "accept" if accepts else "reject", **other)
