"""Sampling by Gumbel noise draws from the softmax; nucleus keeps the fewest tokens that reach the mass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:  # loaded where it is needed, not where tests are collected
    import torch


def tensor(values: list[float]) -> torch.Tensor:
    import torch

    return torch.tensor(values)


LOGITS = st.lists(st.floats(-6, 6), min_size=2, max_size=12).map(tensor)


def test_frequencies_follow_the_softmax() -> None:
    import torch

    from models.local.sampling import RowSampler, Sampling

    logits = torch.tensor([2.0, 1.0, 0.0, -torch.inf])
    sampler = RowSampler({1: Sampling(0.8, 1.0, 5)})
    scores = torch.stack([torch.zeros(4), logits])
    draws = [int(sampler(torch.empty(2, 0), scores)[1].argmax()) for _ in range(4000)]
    frequencies = torch.bincount(torch.tensor(draws), minlength=4) / len(draws)
    # Four standard errors of a share near a half.
    assert torch.allclose(frequencies, (logits / 0.8).softmax(-1), atol=0.032)
    assert torch.equal(sampler(torch.empty(2, 0), scores)[0], torch.zeros(4))


@settings(max_examples=50)
@given(LOGITS, st.floats(0.05, 1))
def test_nucleus_is_the_smallest_sufficient_set(logits: torch.Tensor, top_p: float) -> None:
    import torch

    from models.local.sampling import nucleus

    probabilities = logits.double().softmax(-1)
    kept = torch.isfinite(nucleus(logits.double(), top_p))
    assert bool(kept[probabilities.argmax()])
    assert float(probabilities[kept].sum()) >= top_p - 1e-9
    if int(kept.sum()) > 1 and top_p < 1:
        assert float(probabilities[kept].sum() - probabilities[kept].min()) < top_p + 1e-9
