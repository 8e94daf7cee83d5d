"""A memory bank that frames read by attention, with a learned temperature (seed 003).

The seed's code divides a cosine by sqrt(d): its attention is uniform, and what it reads does not vary.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

START_TEMPERATURE = 10.0  # a cosine of 0.1 more weighs e times as much


class FrameMemory(nn.Module):
    """`slots` learned keys and values of `size` numbers; what a frame reads is added to it."""

    def __init__(self, slots: int, size: int) -> None:
        super().__init__()
        self.norm, self.query, self.fuse = nn.LayerNorm(size), nn.Linear(size, size), nn.Linear(2 * size, size)
        self.keys, self.values = nn.Parameter(torch.empty(slots, size)), nn.Parameter(torch.empty(slots, size))
        self.log_temperature = nn.Parameter(torch.empty(()))
        self.start()

    def start(self) -> None:
        """Random keys and values, and the temperature to begin with."""
        for bank in (self.keys, self.values):
            nn.init.normal_(bank, std=1 / math.sqrt(bank.shape[1]))
        nn.init.constant_(self.log_temperature, math.log(START_TEMPERATURE))

    def read(self, frames: Tensor) -> Tensor:
        """What each frame of [B, T, size] reads: the values, weighted by softmax(temperature * cosine(query, key))."""
        queries = functional.normalize(self.query(self.norm(frames)), dim=-1)
        cosines = queries @ functional.normalize(self.keys, dim=-1).T
        weights: Tensor = (cosines * self.log_temperature.exp()).softmax(-1)
        return weights @ self.values

    def forward(self, frames: Tensor) -> Tensor:
        """[B, T, size] -> the frames with what they read fused in, [B, T, size]."""
        fused: Tensor = self.fuse(torch.cat((self.norm(frames), self.read(frames)), -1))
        return frames + fused
