"""Pictures that are laid over each other: the fast search among crops finds what cropping each picture finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.release.splits import register
from curation.release.splits.register import SIDE, Sides

NOISE = 2.0
CUTS = st.tuples(st.floats(-0.24, 0.24), st.floats(-0.24, 0.24)).filter(lambda sides: abs(sum(sides)) < 0.37)


def one_by_one(a: register.Floats, b: register.Floats, tried: tuple[Sides, ...], other: Sides) -> list[float]:
    """The mean correlation of each crop, by the definition: picture after picture is cropped and compared."""
    found = []
    rows, row_mask = register._warp(other)
    for sides in tried:
        columns, mask = register._warp(sides)
        seen = np.outer(row_mask, mask) > 0
        pairs = [((rows.T @ one @ columns)[seen], two[seen]) for one, two in zip(a, b, strict=True)]
        both, of_a, of_b = (
            np.mean([np.mean(x * y) - x.mean() * y.mean() for x, y in of])
            for of in (pairs, [(x, x) for x, _ in pairs], [(y, y) for _, y in pairs])
        )
        found.append(float(both / np.sqrt((of_a + NOISE) * (of_b + NOISE))))
    return found


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 10), st.lists(CUTS, min_size=1, max_size=9), CUTS)
def test_the_best_crop_is_the_one_that_cropping_finds(seed: int, frames: int, tried: list[Sides], other: Sides) -> None:
    random = np.random.default_rng(seed)
    a, b = (random.normal(0, 40, (frames, SIDE, SIDE)).astype(np.float32) for _ in range(2))
    # What is compared is smooth, and a crop of the other: else all crops are equally bad.
    a = a.cumsum(axis=1).cumsum(axis=2) / 20
    rows, columns = register._warp(other)[0], register._warp(tried[-1])[0]
    b = (rows.T @ a @ columns + b / 8).astype(np.float32)
    wanted = one_by_one(a, b, tuple(tried), other)
    crop, correlation = register._best(a, b, tuple(tried), other)
    assert correlation == pytest.approx(max(wanted), abs=2e-3)
    assert wanted[tried.index(crop)] == pytest.approx(max(wanted), abs=2e-3)
