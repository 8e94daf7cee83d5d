"""Similarity of frames: small gray pictures, perceptual hashes, colour histograms, and repeated frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

GRAY_SIDE = 32
UNLIKE_BITS = 8  # pictures are unlike when their perceptual hashes differ in more than 8 of 64 bits
# Pictures within 8 bits and 2 mean gray levels look the same: noise and a trembling camera stay below both. Most things
# that move or grow exceed one of them, but not those of the background's brightness.
SAME_TO_THE_EYE = (UNLIKE_BITS, 2.0)
# Hue, saturation and value. Hue separates colourful pictures, value separates gray pictures.
_BINS = (16, 4, 8)


class Look(NamedTuple):
    """The data of a picture for comparisons, about 3 kB.

    `gray` (32, 32) uint8 is luma; `phash` has 64 bits as 16 hex digits; `histogram` (512,) float32 holds the square
    roots of the shares of pixels, so that its norm is 1 and a dot product is the Bhattacharyya coefficient.
    """

    gray: NDArray[np.uint8]
    phash: str
    histogram: NDArray[np.float32]


def look_at(image: Image.Image) -> Look:
    """Measure an RGB picture.

    The picture is first reduced by averaging, by a factor of up to 4 and to a short side of at least 64. That takes a
    quarter of the time. The hash (ImageHash's `phash`: the lowest 8x8 coefficients of the DCT of 32x32 luma, compared
    with their median) then differs only in bits whose coefficient is within 0.2 standard deviations of that median: few
    bits in photographs, up to 12 of 64 in smooth gradients.
    """
    small = image.reduce(max(min(min(image.size) // 64, 4), 1))
    luma = small.convert("L")
    return Look(small_gray(luma), str(imagehash.phash(luma)), _histogram(small))


def small_gray(image: Image.Image) -> NDArray[np.uint8]:
    """The picture's luma averaged to (32, 32) uint8."""
    return np.asarray(image.convert("L").resize((GRAY_SIDE, GRAY_SIDE), Image.Resampling.BOX), np.uint8)


def mean_difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """The mean absolute difference of two pictures of the same shape, in gray levels (0..255)."""
    return float(np.abs(first.astype(np.int16) - second).mean())


def distance(first: str, second: str) -> int:
    """The number of bits in which two 64-bit hashes (16 hex digits each) differ."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def repeats(
    looks: Sequence[Look], shots: Sequence[tuple[int, int]], max_distance: int, max_difference: float
) -> list[int | None]:
    """For each frame the index of the earlier frame of its shot that it nearly repeats, else None.

    A frame repeats the latest representative within both limits: `max_distance` bits of the hash and `max_difference`
    mean gray levels. A representative is a frame that repeats no other frame. So a chain of small changes never drifts
    away from its picture.
    """
    repeated: list[int | None] = [None] * len(looks)
    for first, last in shots:
        representatives: list[int] = []
        for index in range(first, last + 1):
            look = looks[index]
            for candidate in reversed(representatives):
                other = looks[candidate]
                if (
                    distance(look.phash, other.phash) <= max_distance
                    and mean_difference(look.gray, other.gray) <= max_difference
                ):
                    repeated[index] = candidate
                    break
            else:
                representatives.append(index)
    return repeated


def _histogram(image: Image.Image) -> NDArray[np.float32]:
    hue, saturation, value = np.moveaxis(np.asarray(image.convert("HSV"), np.uint16), -1, 0)
    cell = (hue * _BINS[0] // 256 * _BINS[1] + saturation * _BINS[1] // 256) * _BINS[2] + value * _BINS[2] // 256
    counts = np.bincount(cell.ravel(), minlength=_BINS[0] * _BINS[1] * _BINS[2])
    return np.asarray(np.sqrt(counts / counts.sum()), np.float32)
