"""Attention over frames: of a window, at a cost of O(T k), or of the whole video; and the transformer block around it.

A window of k frames lets frame i see frame j where |i - j| <= k // 2 (seeds 001 and 003). Frames are cut into blocks of
`max(k // 2, 32)`, and each block meets itself and its borders: no matrix of T x T, and no mask of that size, is made.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_layers import GradientCheckpointingLayer

_LEAST_BLOCK = 32  # smaller blocks make matrix products too small to be fast
_attend: Callable[..., Tensor] = functional.scaled_dot_product_attention


def local_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, window: int) -> Tensor:
    """Attention of each frame to the frames of its window.

    `query`, `key` and `value` are [B, T, heads, e]; `mask` is bool [B, T], false where a row is padded. Returns
    [B, T, heads, e]; padded frames see themselves and their rows mean nothing. Memory and time are linear in T.
    """
    batch, frames, heads, size = query.shape
    reach = window // 2
    block = max(reach, _LEAST_BLOCK)
    blocks = -(-frames // block)
    short = blocks * block - frames
    queries = functional.pad(query, (0, 0, 0, 0, 0, short)).view(batch * blocks, block, heads, size).transpose(1, 2)

    def bordered(tensor: Tensor) -> Tensor:
        """[B, T, ...] as [B, blocks, ..., block + 2 * reach]: each block with its neighbours on both sides."""
        sides = (0, 0) * (tensor.dim() - 2) + (reach, reach + short)
        return functional.pad(tensor, sides).unfold(1, block + 2 * reach, block)

    keys, values = (bordered(t).flatten(0, 1).transpose(2, 3) for t in (key, value))
    away = (
        torch.arange(block + 2 * reach, device=query.device) - reach - torch.arange(block, device=query.device)[:, None]
    )
    seen = (away.abs() <= reach) & bordered(mask).flatten(0, 1)[:, None]
    seen = (seen | (away == 0))[:, None]
    mixed = _attend(queries, keys, values, attn_mask=seen)
    return mixed.transpose(1, 2).reshape(batch, blocks * block, heads, size)[:, :frames]


def global_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Attention of each frame to all frames that are not padded; shapes as in `local_attention`."""
    query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
    return _attend(query, key, value, attn_mask=mask[:, None, None]).transpose(1, 2)


class FrameAttention(nn.Module):
    """Self-attention over frames with several heads. `window`: frames seen by each, or None for all."""

    def __init__(self, size: int, heads: int, window: int | None) -> None:
        """Raises ValueError where the heads do not divide the size, or the window has no frame."""
        super().__init__()
        if size % heads or (window is not None and window < 1):
            raise ValueError(f"{heads} heads do not divide a size of {size}, or a window of {window} frames is empty")
        self.heads, self.window = heads, window
        self.inputs, self.outputs = nn.Linear(size, 3 * size), nn.Linear(size, size)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """[B, T, size] and bool [B, T] -> [B, T, size]."""
        query, key, value = self.inputs(frames).unflatten(-1, (3, self.heads, -1)).unbind(2)
        if self.window is None or self.window // 2 >= frames.shape[1]:
            mixed = global_attention(query, key, value, mask)
        else:
            mixed = local_attention(query, key, value, mask, self.window)
        outputs: Tensor = self.outputs(mixed.flatten(2))
        return outputs


class FrameBlock(GradientCheckpointingLayer):
    """Residual attention and, where `inner` is above 0, two linear layers; a layer norm stands before each part."""

    def __init__(self, size: int, heads: int, window: int | None, inner: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        self.before_attention, self.attention = nn.LayerNorm(size), FrameAttention(size, heads, window)
        self.dropout = nn.Dropout(dropout)
        self.linear: nn.Module | None = None
        if inner:
            self.linear = nn.Sequential(
                nn.LayerNorm(size), nn.Linear(size, inner), nn.GELU(), nn.Dropout(dropout), nn.Linear(inner, size)
            )

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """[B, T, size] and bool [B, T] -> [B, T, size]."""
        frames = frames + self.dropout(self.attention(self.before_attention(frames), mask))
        return frames if self.linear is None else frames + self.dropout(self.linear(frames))


class FramePositions(nn.Module):
    """Learned positions of `count` frames; a longer video's are interpolated between them, by its own length."""

    def __init__(self, count: int, size: int) -> None:
        """`count` must be 2 or more."""
        super().__init__()
        self.table = nn.Embedding(count, size)

    def forward(self, mask: Tensor) -> Tensor:
        """Bool [B, T] (false: padded, at the end only) -> [B, T, size]."""
        last = self.table.num_embeddings - 1
        lengths = mask.sum(1, keepdim=True).clamp(min=2)
        step = torch.where(lengths > last + 1, last / (lengths - 1), 1.0)
        place = (torch.arange(mask.shape[1], device=mask.device) * step).clamp(max=last)
        below = place.floor().long()
        share = (place - below)[..., None].to(self.table.weight.dtype)
        return torch.lerp(self.table(below), self.table((below + 1).clamp(max=last)), share)
