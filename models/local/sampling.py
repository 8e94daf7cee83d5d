"""Sampling and length limits for each row of a batch, as transformers' generation loop takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch


class Sampling(NamedTuple):
    """How a row is sampled: temperature > 0, nucleus mass in (0, 1], seed of 63 bits."""

    temperature: float
    top_p: float
    seed: int


class RowSampler:
    """A logits processor that adds Gumbel noise to some rows, so that the loop's argmax samples from their softmax.

    argmax_i(l_i / T + g_i) with g_i ~ Gumbel(0, 1) has the distribution softmax(l / T) (Gumbel-max). Each row has its
    own generator on the CPU, so that the draw depends neither on the device nor on the row's position.
    """

    def __init__(self, rows: Mapping[int, Sampling]) -> None:
        """`rows` maps each row that is sampled to its parameters."""
        self._rows = {row: (s, torch.Generator().manual_seed(s.seed)) for row, s in rows.items()}

    def __call__(self, _input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Add noise to `scores` [rows, vocabulary] in the sampled rows; -inf stays -inf."""
        scores = scores.clone()
        for row, (sampling, generator) in self._rows.items():
            logits = nucleus(scores[row].float() / sampling.temperature, sampling.top_p)
            exponential = torch.empty(logits.shape).exponential_(generator=generator)
            scores[row] = (logits - exponential.log().to(logits.device)).to(scores.dtype)
        return scores


class RowLimits:
    """A stopping criterion that ends each row at its own number of new tokens."""

    def __init__(self, prompt: int, limits: Sequence[int]) -> None:
        """`prompt` is the padded length of the prompts; `limits[row]` is the most new tokens of a row."""
        self._prompt = prompt
        self._limits = torch.tensor(limits)

    def __call__(self, input_ids: torch.Tensor, _scores: torch.Tensor) -> torch.Tensor:
        """Booleans [rows]: which rows have reached their limit."""
        return (input_ids.shape[1] - self._prompt >= self._limits).to(input_ids.device)


def nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """Keep the fewest most probable tokens whose mass reaches `top_p` (at least one); all others become -inf.

    `logits` float [vocabulary]. Holtzman et al., The Curious Case of Neural Text Degeneration, 2020.
    """
    if top_p >= 1:
        return logits
    ordered, order = logits.softmax(-1).sort(descending=True)
    before = ordered.cumsum(-1) - ordered
    return logits.masked_fill(torch.zeros_like(before, dtype=torch.bool).scatter(0, order, before >= top_p), -torch.inf)
