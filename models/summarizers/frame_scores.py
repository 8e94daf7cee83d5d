"""What summarizers that score frames share: their output, and means and scores that know no padding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers.utils.generic import ModelOutput


@dataclass
class FrameScores(ModelOutput):
    """`logits` [B, T] before the sigmoid; `loss` where labels were given, and the parts that it is the sum of."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    video_loss: Tensor | None = None
    text_loss: Tensor | None = None
    boundary_loss: Tensor | None = None


def mean_of_videos(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over videos of each video's mean over its unpadded places; values and bool mask are [B, T].

    A video weighs the same in every batch, however long the others are. Videos without a place are left out.
    """
    counts = mask.sum(1)
    means = torch.where(mask, values, 0.0).sum(1) / counts.clamp(min=1)
    return means.sum() / (counts > 0).sum().clamp(min=1)


def of_videos(logits: Tensor, mask: Tensor) -> Iterator[npt.NDArray[np.float32]]:
    """Each video's scores in 0..1, float32 [F], without padding."""
    for row, seen in zip(logits.sigmoid().float(), mask, strict=True):
        yield row[seen].cpu().numpy()
