"""What the summarizers that score frames share: items with vectors and one label for each frame, and batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray

from models.summarizers.vtsum import IGNORED
from schemas.errors import ConfigError
from training.collate import Batch, Collator, Items, pad
from training.examples import Example
from training.recipe import Recipe

_MOST_RATING = 5


class FrameItem(NamedTuple):
    """One video: float32 [F, d] and labels float32 [F] in 0..1; for VTSUM also where events begin, and its text.

    `text` are token ids, of which the first `given` are the prompt and are not learned.
    """

    id: str
    vectors: NDArray[np.float32]
    labels: NDArray[np.float32]
    boundaries: NDArray[np.float32] | None = None
    text: tuple[int, ...] = ()
    given: int = 0


class FrameCollator(Collator):
    """Pads videos to the longest: `features` [B, T, d], `mask` bool [B, T], `labels` [B, T].

    And of what the items have: `boundaries` [B, T]; `input_ids` and `text_labels` [B, L].
    """

    def __call__(self, items: Sequence[FrameItem]) -> Batch:
        """A batch with labels."""
        batch = {**self.questions(items), "labels": pad([item.labels for item in items]).values}
        if boundaries := [item.boundaries for item in items if item.boundaries is not None]:
            batch["boundaries"] = pad(boundaries).values
        if any(item.text for item in items):
            texts = [np.array(item.text, np.int64) for item in items]
            learned = [text.copy() for text in texts]
            for labels, item in zip(learned, items, strict=True):
                labels[: item.given] = IGNORED
            batch |= {"input_ids": pad(texts).values, "text_labels": pad(learned, IGNORED).values}
        return batch

    def questions(self, items: Sequence[FrameItem]) -> dict[str, torch.Tensor]:
        """A batch without labels."""
        features = pad([item.vectors for item in items])
        return {"features": features.values, "mask": features.mask}


class FrameRecipe(Recipe):
    """The part of a recipe that is alike for all summarizers that score frames."""

    @abstractmethod
    def vectors(self, example: Example) -> NDArray[np.float32]:
        """What is known of the frames of a video, float32 [F, d]. Raises MissingFeature."""

    def check(self, examples: Sequence[Example]) -> None:
        """Raise ConfigError for labels that are neither shares nor ratings."""
        for example in examples:
            mean_labels(example)

    def items(self, examples: Sequence[Example]) -> Sequence[Any]:
        """One item for each video, read lazily."""
        return Items(examples, self.item)

    def questions(self, examples: Sequence[Example]) -> Sequence[Any]:
        """One item for each video, with nothing but what `predict` reads."""
        return Items(examples, lambda example: FrameRecipe.item(self, example))

    def item(self, example: Example) -> FrameItem:
        """The item of a video."""
        return FrameItem(example.id, self.vectors(example), mean_labels(example))

    def collator(self) -> FrameCollator:
        """What makes batches."""
        return FrameCollator(self.config.training.seed)

    def lengths(self, items: Sequence[Any]) -> Sequence[int]:
        """The frames of each item."""
        return [example.frames for example in cast("Items", items).wanted]


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
