from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.summarizers.segmentation import BoundaryHead, kernel_segments


def objective(features, starts, penalty):
    n, changes = len(features), len(starts) - 1
    parts = [features[a:b] for a, b in zip(starts, (*starts[1:], n), strict=True)]
    scatter = sum(float(((part - part.mean(0)) ** 2).sum()) for part in parts)
    price = penalty * changes / (2 * n) * (np.log(n / changes) + 1) if changes else 0.0
    return scatter / n + price


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 8),
    seed=st.integers(0, 10**6),
    penalty=st.floats(0, 3),
    most=st.one_of(st.none(), st.integers(0, 9)),
)
def test_no_segmentation_is_better(n, seed, penalty, most):
    features = np.random.default_rng(seed).normal(size=(n, 3))
    limit = n - 1 if most is None else min(most, n - 1)
    every = [(0, *rest) for m in range(limit + 1) for rest in combinations(range(1, n), m)]
    best = min(objective(features, starts, penalty) for starts in every)
    found = kernel_segments(features, penalty, most)
    assert found in every
    assert objective(features, found, penalty) == pytest.approx(best, abs=1e-9)


def test_numbers_of_changes_that_cannot_win_are_not_tried(monkeypatch):
    """300 frames of 4 scenes have 300 numbers of changes; with the price of a few of them it is over."""
    tried = []
    monkeypatch.setattr(np, "log", lambda value, log=np.log: (tried.append(value), log(value))[1])
    scenes = np.repeat(np.eye(4), [70, 50, 90, 90], axis=0)
    assert kernel_segments(scenes) == (0, 70, 120, 210)
    assert len(tried) < 10


def test_scenes_are_found():
    scenes = np.repeat(np.eye(4), [7, 5, 9, 6], axis=0)
    noisy = scenes + np.random.default_rng(0).normal(scale=0.05, size=scenes.shape)
    assert kernel_segments(noisy) == (0, 7, 12, 21)


def test_a_still_video_is_one_event():
    assert kernel_segments(np.ones((20, 3))) == (0,)


def test_the_boundary_head_learns_where_scenes_change():
    torch.manual_seed(0)
    head = BoundaryHead(4)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    for step in range(150):
        lengths = torch.randint(2, 9, (8,), generator=torch.Generator().manual_seed(step))
        frames = torch.randn(8, 4, generator=torch.Generator().manual_seed(-step)).sign().repeat_interleave(lengths, 0)
        frames[:, 0] = torch.arange(8).repeat_interleave(lengths) % 2  # this number jumps at each change
        wanted = torch.zeros(len(frames))
        wanted[lengths.cumsum(0)[:-1][::2]] = 1.0  # where it rises
        loss = torch.nn.functional.binary_cross_entropy_with_logits(head(frames[None])[0, 1:], wanted[1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert ((head(frames[None])[0, 1:] > 0) == (wanted[1:] > 0)).all()
