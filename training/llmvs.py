"""Trains the head of LLMVS on the hidden states of a frozen language model; and the model's own numbers, zero-shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from transformers import PreTrainedModel

from models.summarizers.llmvs import LlmvsConfig, LlmvsHead
from models.summarizers.predicted import Predicted
from models.summarizers.selection import share_count, top
from schemas.configuration.summarizer_config import LlmvsSection
from schemas.configuration.train_config import TrainConfig
from training.examples import Example, captioned
from training.features import Features
from training.frame_items import FrameCollator, FrameItem, FrameItems, mean_labels
from training.hidden_states import HiddenStates
from training.recipe import Recipe


class LlmvsRecipe(Recipe):
    """See Recipe."""

    kind = LlmvsHead
    reads_frames = False

    def __init__(self, config: TrainConfig, features: Features | None) -> None:
        """Raises ConfigError where the language model or the prompt is missing."""
        super().__init__(config, features)
        self._section = cast("LlmvsSection", config.summarizer)
        self._states = HiddenStates(self._section)

    def check(self, examples: Sequence[Example]) -> None:
        """Raise ConfigError for a video without captions, or with other labels than shares and ratings."""
        captioned(examples)
        for example in examples:
            mean_labels(example)

    def build(self, examples: Sequence[Example]) -> PreTrainedModel:
        """A new head, as wide as the states."""
        share = self._section.share
        if share is None:
            share = float(np.mean([len(example.keyframes) / example.frames for example in examples]))
        sizes = self._section.model_dump(include={"hidden_size", "layers", "heads", "dropout"})
        return LlmvsHead(LlmvsConfig(feature_size=self._vectors(examples[0]).shape[1], share=share, **sizes))

    def items(self, examples: Sequence[Example]) -> Sequence[Any]:
        """One item for each video; states that are missing are made now."""
        for example in examples:
            self._states.read(example)
        return FrameItems(examples, lambda example: FrameItem(example.id, self._vectors(example), mean_labels(example)))

    def collator(self) -> FrameCollator:
        """What makes batches."""
        return FrameCollator(self.config.training.seed)

    def lengths(self, items: Sequence[Any]) -> Sequence[int]:
        """The frames of each item."""
        return [len(item.labels) for item in items]

    def zero_shot(self, examples: Sequence[Example], share: float) -> list[Predicted]:
        """The row without a head: the model's numbers as scores, 0 where it answered none."""
        found = []
        for example in examples:
            scores = np.nan_to_num(self._states.read(example).numbers).astype(np.float32)
            found.append(Predicted(scores, top(scores, share_count(len(scores), share))))
        return found

    def _vectors(self, example: Example) -> Any:
        states = self._states.read(example)
        if self._section.tokens == "both":
            return np.maximum(states.queries, states.answers)  # the maximum over the tokens of both
        return getattr(states, self._section.tokens)


RECIPE = LlmvsRecipe
