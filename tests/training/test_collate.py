"""Batches: their order and their randomness follow from seed, epoch and video alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.tiny import Noisy, items
from training.collate import EpochOrder, pad


@given(st.integers(0, 60), st.integers(0, 5), st.integers(0, 3), st.integers(1, 7), st.booleans())
def test_an_order_is_a_permutation_by_seed_and_epoch(n: int, seed: int, epoch: int, batch: int, grouped: bool) -> None:
    lengths = [(7 * number) % 23 for number in range(n)] if grouped else None

    def order(epoch: int) -> list[int]:
        made = EpochOrder(n, seed, batch, Noisy(), lengths)
        made.set_epoch(epoch)
        return list(made)

    assert sorted(order(epoch)) == list(range(n))
    np.random.random(3)
    assert order(epoch) == order(epoch)
    # A grouped order of three batches has six forms, so two epochs may have the same one.
    assert n < 20 or len({tuple(order(epoch + later)) for later in range(9)}) > 1


def test_lengths_group_items_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 400, 320).tolist()

    def padded(lengths_or_none: list[int] | None) -> int:
        order = list(EpochOrder(320, 1, 8, Noisy(), lengths_or_none))
        return sum(8 * max(lengths[item] for item in order[start : start + 8]) for start in range(0, 320, 8))

    assert padded(lengths) < 0.75 * padded(None)
    with pytest.raises(ValueError, match="2 lengths for 3 items"):
        EpochOrder(3, 0, 1, Noisy(), [1, 2])


def test_a_batch_depends_on_seed_epoch_and_video_alone() -> None:
    def batch(seed: int, epoch: int, which: slice = slice(None)) -> torch.Tensor:
        collator = Noisy(seed)
        collator.set_epoch(epoch)
        torch.rand(2), np.random.random(2)
        made: torch.Tensor = collator(items(3)[which])["frames"]
        return made

    first = batch(1, 2)
    assert torch.equal(first, batch(1, 2)) and not torch.equal(first, batch(1, 3))
    assert not torch.equal(first, batch(2, 2))
    assert torch.equal(first[2, : len(items(3)[2][1])], batch(1, 2, slice(2, 3))[0]), "the other videos change nothing"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 8))
def test_padding_keeps_every_value_and_masks_the_rest(lengths: list[int], multiple: int) -> None:
    arrays = [np.full((length, 2), number + 1.0, np.float32) for number, length in enumerate(lengths)]
    values, mask = pad(arrays, -1, multiple)
    assert values.shape[1] % multiple == 0 and max(lengths) <= values.shape[1] < max(lengths) + multiple
    assert mask.sum(1).tolist() == lengths and (values[~mask] == -1).all()
    assert all((values[row, :length] == row + 1).all() for row, length in enumerate(lengths))
    with pytest.raises(ValueError, match="nothing"):
        pad([])
