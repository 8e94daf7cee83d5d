"""Items and batches of the summarizers that score frames: vectors and one label for each frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.errors import ConfigError
from training.collate import Batch, Collator, pad
from training.examples import Example

_MOST_RATING = 5


class FrameItem(NamedTuple):
    """One video: float32 [F, d] and labels float32 [F] in 0..1; for VTSUM also where events begin, and its text."""

    id: str
    vectors: NDArray[np.float32]
    labels: NDArray[np.float32]
    boundaries: NDArray[np.float32] | None = None
    text: tuple[int, ...] = ()


class FrameItems(Sequence[Any]):
    """Items that are made when they are read, so that vectors need not fit into memory together."""

    def __init__(self, examples: Sequence[Example], make: Callable[[Example], FrameItem]) -> None:
        """Keep the examples, and how an item is made of one."""
        self._examples, self._make = examples, make

    def __len__(self) -> int:
        """The number of videos."""
        return len(self._examples)

    def __getitem__(self, place: Any) -> Any:
        """The item of one video."""
        return self._make(self._examples[place])


class FrameCollator(Collator):
    """Pads videos to the longest: `features` [B, T, d], `mask` bool [B, T], `labels` [B, T]."""

    def __call__(self, items: Sequence[FrameItem]) -> Batch:
        """A batch with labels."""
        return {**self.questions(items), "labels": pad([item.labels for item in items]).values}

    def questions(self, items: Sequence[FrameItem]) -> dict[str, torch.Tensor]:
        """A batch without labels."""
        features = pad([item.vectors for item in items])
        return {"features": features.values, "mask": features.mask}


def mean_labels(example: Example) -> NDArray[np.float32]:
    """The mean of the annotators, float32 [F] in 0..1; ratings 1..5 (TVSum) become (rating - 1) / 4.

    Raises ConfigError for other ratings.
    """
    labels = np.asarray(example.labels, np.float64)
    if labels.max(initial=0) > 1:
        labels = (labels - 1) / (_MOST_RATING - 1)
    if labels.min(initial=0) < 0 or labels.max(initial=0) > 1:
        raise ConfigError(f"video {example.id}: labels must be 0..1, or ratings of 1..{_MOST_RATING}")
    return np.asarray(labels.mean(axis=0), np.float32)
