"""Trains the head of LLMVS on the hidden states of a frozen language model; and the model's own numbers, zero-shot."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from models.summarizers.llmvs import LlmvsConfig, LlmvsHead
from models.summarizers.predicted import Predicted
from models.summarizers.selection import share_count, top
from schemas.configuration.summarizer_config import LlmvsSection
from schemas.configuration.train_config import TrainConfig
from training.examples import Example, captioned, mean_share
from training.features import Features
from training.frame_items import FrameRecipe
from training.hidden_states import HiddenStates

_log = logging.getLogger(__name__)


class LlmvsRecipe(FrameRecipe):
    """See Recipe."""

    kind = LlmvsHead
    reads_frames = False
    reads_captions = True

    def __init__(self, config: TrainConfig, features: Features | None) -> None:
        """Raises ConfigError where the language model or the prompt is missing."""
        super().__init__(config, features)
        self._section = cast("LlmvsSection", config.summarizer)
        self._states = HiddenStates(self._section)

    @property
    def reads_speech(self) -> bool:
        """Whether the language model is told what is said."""
        return self._section.speech

    @property
    def source(self) -> str:
        """The hash of the language model, its prompt and its settings."""
        return f"hidden states {self._states.name}"

    def check(self, examples: Sequence[Example]) -> None:
        """Raise ConfigError for a video without captions, or with other labels than shares and ratings."""
        captioned(examples)
        super().check(examples)

    def missing(self, examples: Sequence[Example]) -> list[Example]:
        """The videos without hidden states."""
        return self._states.missing(examples)

    def prepare(
        self,
        examples: Sequence[Example],
        raise_if_stopped: Callable[[], None] = lambda: None,
        on_video: Callable[[int, int], None] = lambda done, videos: None,
    ) -> None:
        """Make the hidden states that are missing."""
        self._states.make(examples, raise_if_stopped, on_video)

    def build(self, examples: Sequence[Example]) -> PreTrainedModel:
        """A new head, as wide as the states."""
        share = mean_share(examples) if self._section.share is None else self._section.share
        sizes = self._section.model_dump(include={"hidden_size", "layers", "heads", "dropout"})
        return LlmvsHead(LlmvsConfig(feature_size=self.vectors(examples[0]).shape[1], share=share, **sizes))

    def vectors(self, example: Example) -> NDArray[np.float32]:
        """The pooled states of the frames; those of both are the maximum over the tokens of both."""
        states = self._states.read(example)
        if self._section.tokens == "both":
            return np.maximum(states.queries, states.answers)
        return states.queries if self._section.tokens == "queries" else states.answers

    def unreadable(self, examples: Sequence[Example]) -> int:
        """How many frames the language model answered without a number of 0..10."""
        return sum(int(np.isnan(self._states.read(example).numbers).sum()) for example in examples)

    def compared(self, examples: Sequence[Example], share: float) -> dict[str, list[Predicted]]:
        """The language model's own numbers, without a head."""
        return {"zero_shot": self.zero_shot(examples, share)}

    def zero_shot(self, examples: Sequence[Example], share: float) -> list[Predicted]:
        """The row without a head: the model's numbers as scores. Answers without one score 0, and are counted."""
        if wrong := self.unreadable(examples):
            frames = sum(example.frames for example in examples)
            _log.warning("%d of %d answers have no number of 0 to 10: their frames score 0", wrong, frames)
        found = []
        for example in examples:
            scores = np.nan_to_num(self._states.read(example).numbers).astype(np.float32)
            found.append(Predicted(scores, top(scores, share_count(len(scores), share))))
        return found


RECIPE = LlmvsRecipe
