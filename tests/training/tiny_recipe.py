"""A recipe for the tiny summarizer, so that the way from a release to a card is tested without a large network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from models.summarizers.predicted import Predicted
from tests.training.tiny import Noisy, Tiny, TinyConfig
from training.collate import Batch, Collator, pad
from training.examples import Example
from training.recipe import Recipe


class TinyPredicting(Tiny):
    def predict(self, batch: Batch) -> list[Predicted]:
        with torch.no_grad():
            scores = torch.sigmoid(self.layers(batch["frames"]).squeeze(-1))
        found = []
        for row, mask in zip(scores, batch["mask"], strict=True):
            own = row[mask].numpy().astype(np.float32)
            best = np.argsort(-own, kind="stable")[: max(1, int(0.15 * len(own)))]
            found.append(Predicted(own, tuple(sorted(best.tolist()))))
        return found


class _Plain(Noisy):
    def questions(self, items: Sequence[Any]) -> Batch:
        frames = pad([frames for _, frames, _ in items])
        return {"frames": frames.values, "mask": frames.mask}


class TinyRecipe(Recipe):
    kind = TinyPredicting

    def build(self, examples: Sequence[Example]) -> PreTrainedModel:
        assert self.features is not None
        return TinyPredicting(TinyConfig(inputs=self.features.read(examples[0]).shape[1]))

    def items(self, examples: Sequence[Example]) -> Sequence[Any]:
        assert self.features is not None
        return [(each.id, self.features.read(each), each.labels[0]) for each in examples]

    def collator(self) -> Collator:
        return _Plain(self.config.training.seed)


RECIPE = TinyRecipe
