"""Proof that two videos are copies: their pictures are laid over each other and compared over time.

A copy is cropped in one way from its first frame to its last. So one crop of one video is looked for that fits the
other in all common frames at once, and then the two are correlated over space and time.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.release.splits.align import Alignment, fewest_common
from curation.release.splits.fingerprint import Grays

SIDE = 32
# Of the generated set's copies 98 % correlate with more, no other pair does (docs/results/splits.md).
COPY, COPY_ALIKE = 0.88, 0.5
# Where the shorter video has more than what is common, the alignment was chosen among many: chance does more.
PART_COPY, PART_ALIKE = 0.97, 0.8
_WHOLE = 0.8  # of the frames of the shorter video
STILL_VARIANCE = 4.0  # squared gray levels over time; below it a video is a still picture
STILL_COPY = 0.97  # the correlation over space that still pictures must reach
_TRIED_FRAMES = 10
_STEPS = (0.06, 0.03, 0.015)
_REACH = 4  # coarse steps: each side may be cropped, or the other video's, by up to 24 %
_HOPELESS = 0.4  # mean correlation over space after coarse steps
_NOISE = 2.0  # squared gray levels: the noise of a flat picture is no correlation

Floats = NDArray[np.float32]
Sides = tuple[float, float]


class Match(NamedTuple):
    """The best registration of two videos.

    `correlation` (-1..1) of their pictures over space and time, the mean over time taken away; that over space where
    both are still pictures. `alike`: the median over frames of the correlation over space. `offset`, `mirrored` as
    in `Alignment`; `common`: the number of frames compared; `whole`: they are nearly
    all of the shorter video. `crop`: what the second video shows of the first, as shares
    that are cut off at left, right, top and bottom; negative where the first was cropped.
    """

    correlation: float
    alike: float
    still: bool
    offset: int
    mirrored: bool
    common: int
    whole: bool
    crop: tuple[float, float, float, float]

    @property
    def copy(self) -> bool:
        """Whether the videos are copies."""
        return self.copy_at(COPY)

    def copy_at(self, threshold: float) -> bool:
        """The same for another threshold of the correlation over time."""
        limits = [(threshold, COPY_ALIKE)]
        limits += [(STILL_COPY, STILL_COPY)] if self.still else []
        limits += [] if self.whole else [(PART_COPY, PART_ALIKE)]
        return all(self.correlation >= least and self.alike >= alike for least, alike in limits)


def match(first: Grays, second: Grays, found: list[Alignment]) -> Match | None:
    """The best registration of two videos (n, 32, 32) and (m, 32, 32) over the alignments found; None without one."""
    best: Match | None = None
    for alignment in found:
        one = _at(first, second, alignment.offset, alignment.mirrored)
        if one is not None and one.offset != alignment.offset:
            again = _at(first, second, one.offset, alignment.mirrored)
            one = max((one, again), key=_correlation) if again is not None else one
        if one is not None and (best is None or one.correlation > best.correlation):
            best = one
            if best.copy:
                break
    return best


def _at(first: Grays, second: Grays, offset: int, mirrored: bool) -> Match | None:
    """Register two videos at an offset; the result may be one frame off: a copy may begin between two samples."""
    crop = _register(first, second, offset, mirrored)
    if crop is None:
        return None
    near = (_compare(first, second, offset + step, mirrored, crop) for step in (0, -1, 1))
    return max((one for one in near if one is not None), key=_correlation, default=None)


def _correlation(one: Match) -> float:
    return one.correlation


def _register(first: Grays, second: Grays, offset: int, mirrored: bool) -> tuple[Sides, Sides] | None:
    """The crop of the first video that fits the second best: shares cut off at (left, right) and (top, bottom).

    None when no coarse crop makes them alike at all, or when they have too few frames in common.
    """
    low, high = max(0, -offset), min(len(first), len(second) - offset)
    if high - low < fewest_common(len(first), len(second)):
        return None
    places = np.unique(np.linspace(low, high - 1, min(high - low, _TRIED_FRAMES)).round().astype(int))
    a, b = _float(first[places], mirrored), _float(second[places + offset], False)
    a, b = (each - each.mean(axis=(1, 2), keepdims=True) for each in (a, b))
    if min(float(each.var(axis=0).mean()) for each in (a, b)) >= STILL_VARIANCE:
        # Only what changes is laid over each other: a logo or a bar of one of them would draw the crop to itself.
        a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    a_turned, b_turned = a.transpose(0, 2, 1), b.transpose(0, 2, 1)
    # Bars at two sides mislead the search along the other two: so both orders are tried.
    across, _ = _best(a, b, _grid(), (0.0, 0.0))
    down, alike = _best(a_turned, b_turned, _grid(), across)
    down_first, _ = _best(a_turned, b_turned, _grid(), (0.0, 0.0))
    across_then, alike_then = _best(a, b, _grid(), down_first)
    if alike_then > alike:
        across, down, alike = across_then, down_first, alike_then
    if alike < _HOPELESS:
        return None
    across, _ = _best(a, b, _grid(), down)
    for step in _STEPS[1:]:
        across, _ = _best(a, b, _around(across, step), down)
        down, _ = _best(a_turned, b_turned, _around(down, step), across)
    return across, down


def _best(a: Floats, b: Floats, tried: tuple[Sides, ...], other: Sides) -> tuple[Sides, float]:
    """The crop along the last axis, of those tried, after which `a` fits `b` best, and their mean correlation.

    `other` is the crop along the rows. Axes below: n frame, v row, k and u column before and after the crop, c crop
    tried. A cropped row is linear in the row: its sums of squares and products follow from those of the rows, so
    that no picture is cropped.
    """
    rows, row_mask = _warp(other)
    columns, squares, sums, masks = _warps(tried)
    size = row_mask.sum() * masks.sum(axis=1)
    cut = rows.T @ a  # nvk
    turned = cut.transpose(0, 2, 1)
    inside = b * row_mask[:, None]
    mean_a = cut.sum(axis=1) @ sums / size
    mean_b = inside.sum(axis=1) @ masks.T / size
    both = (turned @ b).reshape(len(a), -1) @ columns / size - mean_a * mean_b
    of_a = (turned @ cut).reshape(len(a), -1) @ squares / size - mean_a**2
    of_b = (inside * b).sum(axis=1) @ masks.T / size - mean_b**2
    correlation = both.mean(axis=0) / np.sqrt((of_a.mean(axis=0) + _NOISE) * (of_b.mean(axis=0) + _NOISE))
    place = int(correlation.argmax())
    return tried[place], float(correlation[place])


def _compare(first: Grays, second: Grays, offset: int, mirrored: bool, crop: tuple[Sides, Sides]) -> Match | None:
    """Compare all common frames of two videos for a given crop; None when too few frames are common."""
    low, high = max(0, -offset), min(len(first), len(second) - offset)
    if high - low < fewest_common(len(first), len(second)):
        return None  # one frame fewer than the alignment had
    (columns, column_mask), (rows, row_mask) = _warp(crop[0]), _warp(crop[1])
    mask = row_mask[:, None] * column_mask[None, :]
    a: Floats = (rows.T @ _float(first[low:high], mirrored) @ columns).astype(np.float32)
    b: Floats = _float(second[low + offset : high + offset], False)
    weights: Floats = mask / mask.sum()
    alike = float(np.median(_correlations(a, b, weights)))
    # Each frame without its brightness, then each pixel without its mean over time.
    a, b = (each - (each * weights).sum(axis=(1, 2), keepdims=True) for each in (a, b))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    over_time = [float((each**2 * weights).sum(axis=(1, 2)).mean()) for each in (a, b)]
    # A part in which nothing moves is no proof unless it is nearly all of both videos.
    still = max(over_time) < STILL_VARIANCE and high - low >= 0.8 * max(len(first), len(second))
    both = float((a * b * weights).sum(axis=(1, 2)).mean())
    moving = both / float(np.sqrt((over_time[0] + _NOISE / 2) * (over_time[1] + _NOISE / 2)))
    (left, right), (top, bottom) = crop
    return Match(
        correlation=alike if still else moving,
        alike=alike,
        still=still,
        offset=offset,
        mirrored=mirrored,
        common=high - low,
        whole=high - low >= _WHOLE * min(len(first), len(second)),
        crop=(left, right, top, bottom),
    )


def _correlations(a: Floats, b: Floats, weights: Floats) -> Floats:
    """The correlation over space of pictures (n, 32, 32); `weights` (32, 32) sum to 1."""
    a, b = (each - (each * weights).sum(axis=(1, 2), keepdims=True) for each in (a, b))
    both, of_a, of_b = ((one * other * weights).sum(axis=(1, 2)) for one, other in ((a, b), (a, a), (b, b)))
    result: Floats = both / np.sqrt((of_a + _NOISE) * (of_b + _NOISE))
    return result


def _float(pictures: Grays, mirrored: bool) -> Floats:
    return (pictures[:, :, ::-1] if mirrored else pictures).astype(np.float32)


@lru_cache(maxsize=1)
def _grid() -> tuple[Sides, ...]:
    values = [step * _STEPS[0] for step in range(-_REACH, _REACH + 1)]
    return tuple((left, right) for left, right in product(values, repeat=2) if abs(left + right) < 0.37)


def _around(sides: Sides, step: float) -> tuple[Sides, ...]:
    return tuple((sides[0] + left * step, sides[1] + right * step) for left, right in product((0, -1, 1), repeat=2))


@lru_cache(maxsize=512)
def _warps(tried: tuple[Sides, ...]) -> tuple[Floats, Floats, Floats, Floats]:
    """Several crops as columns: their matrices (32 x 32, crops), the sums over u of w_ku w_lu (32 x 32, crops) and of
    w_ku (32, crops); and their masks (crops, 32).
    """
    warps = [_warp(sides) for sides in tried]
    matrices = np.stack([matrix for matrix, _ in warps])
    squares = matrices @ matrices.transpose(0, 2, 1)
    flat = (np.ascontiguousarray(each.reshape(len(tried), -1).T) for each in (matrices, squares, matrices.sum(axis=2)))
    columns, products, sums = flat
    return columns, products, sums, np.stack([mask for _, mask in warps])


@lru_cache(maxsize=4096)
def _warp(sides: Sides) -> tuple[Floats, Floats]:
    """The matrix (32, 32) that stretches a row without its cut sides to 32 pixels, and which of them it covers."""
    before, after = sides
    centres = (np.arange(SIDE) + 0.5) / SIDE
    source = (before + (1 - before - after) * centres) * SIDE - 0.5
    inside = (source >= -0.5) & (source <= SIDE - 0.5)
    source = source.clip(0, SIDE - 1)
    lower = np.minimum(source.astype(int), SIDE - 2)
    part = source - lower
    matrix = np.zeros((SIDE, SIDE), np.float32)
    matrix[lower, np.arange(SIDE)] += 1 - part
    matrix[lower + 1, np.arange(SIDE)] += part
    return matrix * inside, inside.astype(np.float32)
