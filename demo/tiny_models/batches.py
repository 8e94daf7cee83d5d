"""Batches of drawn frames for the training of the captioner and of the CLIP."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from demo.tiny_models.caption_data import SIDE, make_shard

SHARD_FRAMES, SHARD_PASSES = 4096, 4


class Batch(NamedTuple):
    """Pixels (b, 3, 64, 64) in -1..1, slot classes (b, 10) and captions."""

    pixels: Tensor
    slots: Tensor
    captions: list[str]


def batches(pool: ProcessPoolExecutor, seed: int, size: int) -> Iterator[Batch]:
    """Yield batches of `size` frames without end; while one shard is in use, the pool draws the next."""
    rng = np.random.default_rng(seed)
    coming = pool.submit(make_shard, 0, SHARD_FRAMES)
    index = 0
    while True:
        shard = coming.result()
        index += 1
        coming = pool.submit(make_shard, index, SHARD_FRAMES)
        for _ in range(SHARD_PASSES):
            order = rng.permutation(SHARD_FRAMES)
            for first in range(0, SHARD_FRAMES, size):
                chosen = order[first : first + size]
                pixels = jittered(normalized(shard.pixels[chosen]), rng)
                yield Batch(pixels, torch.from_numpy(shard.slots[chosen]), [shard.captions[i] for i in chosen])


def normalized(pixels: NDArray[np.uint8]) -> Tensor:
    """Bytes (b, 64, 64, 3) as floats (b, 3, 64, 64) in -1..1."""
    return torch.from_numpy(pixels.astype(np.float32).transpose(0, 3, 1, 2) / 127.5 - 1.0)


def jittered(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Shift the batch by up to two pixels and change brightness a little, so that repeated frames differ."""
    down, right = (int(value) for value in rng.integers(-2, 3, 2))
    padded = nn.functional.pad(pixels, (2, 2, 2, 2), mode="replicate")
    shifted = padded[:, :, 2 + down : 2 + down + SIDE, 2 + right : 2 + right + SIDE]
    gain = torch.from_numpy(rng.uniform(0.94, 1.06, (len(pixels), 1, 1, 1)).astype(np.float32))
    return ((shifted + 1) * gain - 1).clamp(-1, 1)
