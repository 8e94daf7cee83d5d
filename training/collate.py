"""Batches: pure collators, whose randomness follows from (seed, epoch, id) alone, and the order of an epoch.

Transformers' Trainer fetches the first batch of a resumed epoch before it restores the random state, and worker
processes have random states of their own. So nothing here draws from a global generator: the same seed, epoch and video
always give the same item, whatever was trained before and wherever the batch is made.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import Sampler

Batch = Mapping[str, Any]
_GROUPS = 8  # batches that are sorted by length together


class Collator(ABC):
    """Makes a batch of items. `epoch` is set by the loop; processes that make batches get it with a copy of this."""

    def __init__(self, seed: int = 0) -> None:
        """Keep the seed of all randomness."""
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch begins, from 0."""
        self.epoch = epoch

    def random(self, id_: str) -> np.random.Generator:
        """The generator of a video in this epoch; each call begins it anew."""
        return np.random.default_rng([self.seed, self.epoch, zlib.crc32(id_.encode("utf-8", "surrogatepass"))])

    @abstractmethod
    def __call__(self, items: Sequence[Any]) -> Batch:
        """A batch with labels, for training and validation."""

    def questions(self, items: Sequence[Any]) -> Batch:
        """A batch for `predict`, of which nothing may depend on what is to be predicted. The same one by default."""
        return self(items)


class Items(Sequence[Any]):
    """Items that are made when they are read, so that vectors need not fit into memory together."""

    def __init__(self, wanted: Sequence[Any], make: Callable[[Any], Any]) -> None:
        """Keep what items are made of, and how."""
        self.wanted, self._make = wanted, make

    def __len__(self) -> int:
        """The number of items."""
        return len(self.wanted)

    def __getitem__(self, place: Any) -> Any:
        """One item, made now."""
        return self._make(self.wanted[place])


class Padded(NamedTuple):
    """Arrays of unlike length as one: `values` [B, T, ...], `mask` bool [B, T], True where a value is real."""

    values: torch.Tensor
    mask: torch.Tensor


def pad(arrays: Sequence[np.ndarray[Any, Any]], value: float = 0, multiple: int = 1) -> Padded:
    """Pad arrays [T_i, ...] with `value` to the longest T, rounded up to a multiple. Raises ValueError for none."""
    if not arrays:
        raise ValueError("nothing to pad")
    longest = -(-max(len(array) for array in arrays) // multiple) * multiple
    values = np.full((len(arrays), longest, *arrays[0].shape[1:]), value, arrays[0].dtype)
    mask = np.zeros((len(arrays), longest), bool)
    for row, array in enumerate(arrays):
        values[row, : len(array)] = array
        mask[row, : len(array)] = True
    return Padded(torch.from_numpy(values), torch.from_numpy(mask))


class EpochOrder(Sampler[int]):
    """The order of an epoch's items: a permutation by (seed, epoch). With `lengths`, items of like length are near.

    Then each stretch of `8 * batch` items of the permutation is sorted by length, longest first, and its batches are
    shuffled. `set_epoch`, which the Trainer calls, also sets the epoch of the collator.
    """

    def __init__(
        self, items: int, seed: int, batch: int, collator: Collator, lengths: Sequence[int] | None = None
    ) -> None:
        """Order `items` items. Raises ValueError for another number of lengths."""
        if lengths is not None and len(lengths) != items:
            raise ValueError(f"{len(lengths)} lengths for {items} items")
        self._items, self._seed, self._batch, self._lengths = items, seed, batch, lengths
        self._collator = collator
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch begins."""
        self._epoch = epoch
        self._collator.set_epoch(epoch)

    def __len__(self) -> int:
        """The number of items."""
        return self._items

    def __iter__(self) -> Iterator[int]:
        """The items of this epoch."""
        generator = np.random.default_rng([self._seed, self._epoch])
        order = generator.permutation(self._items)
        if self._lengths is None:
            yield from map(int, order)
            return
        stretch = _GROUPS * self._batch
        for start in range(0, self._items, stretch):
            part = sorted(order[start : start + stretch], key=lambda item: -self._lengths[item])  # type: ignore[index]
            whole = len(part) // self._batch
            for batch in [*generator.permutation(whole), *([whole] if len(part) % self._batch else [])]:
                yield from map(int, part[batch * self._batch : (batch + 1) * self._batch])
