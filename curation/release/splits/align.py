"""Alignment in time: the offsets at which the frames of two videos are alike, from their hashes alone.

A single frame says little: many videos show a title, a face, an empty wall. The change from frame to frame says more:
only copies have it in common. So the score of an offset is the correlation of the hashes' bits over time, after the
mean over time was taken away.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curation.release.splits.fingerprint import CROPS, VIEWS, Fingerprint, bits

FEWEST_FRAMES = 4  # fewer common frames prove nothing
OVERLAP_SHARE = 0.3  # of the shorter video; less is a quotation, not a copy
ALIKE = 0.25  # correlation over time from which an offset is worth a look at the pictures
# Videos in which little changes have no correlation over time: their hashes must be within 14 of 64 bits on average.
ALIKE_STILL = 0.55
_KEPT = 3


class Alignment(NamedTuple):
    """Frame i of the first video is frame i + `offset` of the second, which may be `mirrored`.

    `score` orders alignments of a pair: higher is more alike.
    """

    score: float
    offset: int
    mirrored: bool


def fewest_common(first: int, second: int) -> int:
    """The smallest number of common frames of two videos with so many frames that may be a copy."""
    shorter = min(first, second)
    return max(min(FEWEST_FRAMES, shorter), round(OVERLAP_SHARE * shorter), 2)


def alignments(first: Fingerprint, second: Fingerprint) -> list[Alignment]:
    """The best alignments of two videos, best first, at most 3; empty when nothing is alike.

    The views of each are compared with the frames of the other, so it is found whichever of them was cropped.
    """
    found = _one_way(first, second)
    found += [Alignment(score, -offset, mirrored) for score, offset, mirrored in _one_way(second, first)]
    best: list[Alignment] = []
    for one in sorted(found, key=lambda each: (-each.score, abs(each.offset), each.offset, each.mirrored)):
        if all(abs(one.offset - other.offset) > 1 or one.mirrored != other.mirrored for other in best):
            best.append(one)
            if len(best) == _KEPT:
                break
    return best


def _one_way(viewed: Fingerprint, plain: Fingerprint) -> list[Alignment]:
    count, length = len(viewed.picks), len(plain.hashes)
    common = fewest_common(len(viewed.hashes), length)
    offsets = np.arange(common - len(viewed.hashes), length - common + 1)
    places = viewed.picks[None, :] + offsets[:, None]  # (offsets, picks)
    inside = (places >= 0) & (places < length)
    kept = inside.sum(axis=1) >= min(FEWEST_FRAMES, count, common)
    offsets, places, inside = offsets[kept], places[kept], inside[kept]
    if not len(offsets) or count < 2:
        return []
    views = bits(viewed.views)  # (picks, views, 64)
    frames = bits(plain.hashes)[places.clip(0, length - 1)] * inside[..., None]  # (offsets, picks, 64)
    together = inside.sum(axis=1, dtype=np.float32)[:, None]
    product = frames.reshape(len(offsets), -1) @ views.transpose(0, 2, 1).reshape(-1, VIEWS)
    sums = (inside.astype(np.float32) @ views.reshape(count, -1)).reshape(len(offsets), VIEWS, 64)
    sum_frames = frames.sum(axis=1)
    centred = product - np.einsum("ovd,od->ov", sums, sum_frames) / together
    left = 64 * together - (sums**2).sum(axis=2) / together
    right = 64 * together - (sum_frames**2).sum(axis=1)[:, None] / together
    # A bit a frame is added to both sides, so that the noise of a still picture is no correlation.
    moving = centred / np.sqrt((left + 4 * together) * (right + 4 * together))
    still = product / (64 * together)
    score = np.maximum(moving - ALIKE, still - ALIKE_STILL) + 0.01 * still
    found = []
    for mirrored in (False, True):
        side = score[:, len(CROPS) :] if mirrored else score[:, : len(CROPS)]
        best = side.max(axis=1)
        found += [
            Alignment(float(best[place]), int(offsets[place]), mirrored)
            for place in np.argsort(-best, kind="stable")[: 3 * _KEPT]
            if best[place] > 0
        ]
    return found
