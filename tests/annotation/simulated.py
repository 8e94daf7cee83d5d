"""Annotators with a known error rate, judging samples whose truth is known."""

from __future__ import annotations

import numpy as np

from schemas.records import Sample
from schemas.review import Verdict
from tests.curation.people import verdict

DECISIONS = ("accept", "fix", "reject")


def answers(
    rng: np.random.Generator, truth: np.ndarray, people: int, error: float, missing: float = 0.0
) -> list[dict[str, str]]:
    """Per unit what each person says: the truth, or (at the error rate) one of the two others; some say nothing."""
    units = []
    for true in truth:
        said = {}
        for person in range(people):
            if rng.random() < missing:
                continue
            wrong = rng.random() < error
            said[f"p{person}"] = DECISIONS[(true + rng.integers(1, 3)) % 3 if wrong else true]
        units.append(said)
    return units


def true_alpha(shares: tuple[float, float, float], error: float) -> float:
    """The alpha of infinitely many units: two independent judgements of one unit against two of any units."""
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
