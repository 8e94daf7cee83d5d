"""A summarizer of a few weights, with dropout, for tests of the loop; and items for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput

from training.collate import Batch, Collator, pad

D = 6


class TinyConfig(PreTrainedConfig):
    model_type = "tiny_summarizer"

    def __init__(self, width: int = 8, inputs: int = D, **more: Any) -> None:
        self.width, self.inputs = width, inputs
        super().__init__(**more)


class Tiny(PreTrainedModel):
    """A score for each frame, from its vector."""

    config_class = TinyConfig

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(config.inputs, config.width),
            torch.nn.Dropout(0.3),
            torch.nn.ReLU(),
            torch.nn.Linear(config.width, 1),
        )
        self.post_init()

    def forward(self, frames: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> ModelOutput:
        scores = self.layers(frames).squeeze(-1)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels, reduction="none")
        return ModelOutput(loss=(loss * mask).sum() / mask.sum(), scores=scores)


class Noisy(Collator):
    """Adds noise to the frames, from the generator of the video and epoch."""

    def __call__(self, items: Sequence[Any]) -> Batch:
        frames = pad([f + 0.1 * self.random(i).standard_normal(f.shape).astype(np.float32) for i, f, _ in items])
        return {"frames": frames.values, "mask": frames.mask, "labels": pad([label for _, _, label in items]).values}


def items(count: int, seed: int = 0) -> list[tuple[str, Any, Any]]:
    """Videos whose frames are keyframes where the first component is positive."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        frames = random.standard_normal((int(random.integers(3, 9)), D)).astype(np.float32)
        made.append((f"v{number}", frames, (frames[:, 0] > 0).astype(np.float32)))
    return made


def tiny(seed: int = 0) -> Tiny:
    torch.manual_seed(seed)
    return Tiny(TinyConfig())
