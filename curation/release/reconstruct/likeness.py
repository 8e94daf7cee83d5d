"""Tells whether a file shows the video of a release: aligns its frames with the release's in time, and compares them.

Perceptual hashes are compared frame by frame at every shift in time. A copy has near hashes at one shift: the mean
distance is small, and what changes from frame to frame changes alike (the correlation of the bits over time, their
mean over time taken away), which a video of the same room does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from curation.frames.similarity import distance
from curation.release.splits.fingerprint import bits
from schemas.documents.reconstruction import FrameComparison

ALIKE_BITS = 12  # of 64: two encodings of one frame mostly differ by less
# Copies of the demo's films had a motion of 0.56 and more, and up to 19.5 bits (flat pictures have hashes of chance);
# other films up to 0.23, and at least 20.8 bits (decision 0053).
SAME_MOTION = 0.4  # correlation over time of a copy
SAME_BITS = 20.0  # mean distance over all common frames of a copy
SAME_BITS_STILL = 10.0  # the same where nothing moves, so that there is no correlation
_STILL_BITS = 2.0  # mean distance from frame to frame below which nothing moves
_BITS = 64
FEWEST_FRAMES = 4
OVERLAP_SHARE = 0.3


class Listed(NamedTuple):
    """A frame that is looked for: its place in the release's sampling, its SHA-256 and its perceptual hash."""

    number: int
    sha256: str
    phash: str | None


class Aligned(NamedTuple):
    """Frame i of the release is frame `stride` * i + `offset` of the file.

    `mean_bits`: the mean distance of the hashes over `common` frames; `motion`: the correlation over time, None where
    nothing moves.
    """

    offset: int
    stride: int
    mean_bits: float
    motion: float | None
    common: int

    @property
    def is_same(self) -> bool:
        """Whether it is a copy."""
        if self.motion is None:
            return self.mean_bits <= SAME_BITS_STILL
        return self.mean_bits <= SAME_BITS and self.motion >= SAME_MOTION

    def __str__(self) -> str:
        """What was measured, for people."""
        motion = "nothing moves" if self.motion is None else f"correlation over time {self.motion:.2f}"
        return f"{self.mean_bits:.1f} of 64 bits differ on the average, {motion}"


def align(frames: Sequence[Listed], found: Sequence[str], stride: int = 1) -> Aligned | None:
    """The best shift between listed frames and the hashes of a file that was sampled `stride` times as often.

    None when too few frames have hashes, or too few are common at any shift. Where shifts are equally good, the one
    nearest to 0 is taken. All shifts are computed at once, by Fourier transforms: n log n for n frames.
    """
    known = [frame for frame in frames if frame.phash is not None]
    if not known or not found:
        return None
    places = np.array([frame.number * stride for frame in known])
    wanted = bits(_numbers([frame.phash or "0" for frame in known]))
    made = bits(_numbers(found))
    offsets = np.arange(-int(places[-1]), len(found))
    size = fft.next_fast_len(int(places[-1]) + len(found))
    mask = fft.rfft(_spread(np.ones(len(known)), places), size).conj()
    everywhere = fft.rfft(np.ones(len(found)), size)
    common = _sums(mask * everywhere, offsets, size)
    together, product, left, right = common.clip(1), *np.zeros((3, len(offsets)))
    dot = np.zeros(len(offsets))
    for bit in range(wanted.shape[1]):
        one = fft.rfft(_spread(wanted[:, bit], places), size).conj()
        other = fft.rfft(made[:, bit], size)
        both = _sums(one * other, offsets, size)
        sum_one, sum_other = _sums(one * everywhere, offsets, size), _sums(mask * other, offsets, size)
        dot += both
        product += both - sum_one * sum_other / together
        left += common - sum_one**2 / together
        right += common - sum_other**2 / together
    mean_bits = (1 - dot / (together * _BITS)) * _BITS / 2
    norm = np.sqrt((left * right).clip(0))
    motion = np.divide(product, norm, out=np.zeros_like(product), where=norm > 1e-6)
    is_still = max(_step(wanted), _step(made)) < _STILL_BITS
    if is_still:
        motion[:] = 0.0
    fewest = max(min(FEWEST_FRAMES, len(known)), round(OVERLAP_SHARE * min(len(known), -(-len(found) // stride))))
    allowed = np.flatnonzero(common >= max(fewest, 1))
    if not len(allowed):
        return None
    rank = np.round(mean_bits - 8 * motion, 6)
    best = min(allowed.tolist(), key=lambda place: (rank[place], abs(offsets[place])))
    moved = None if is_still else float(motion[best])
    return Aligned(int(offsets[best]), stride, float(mean_bits[best]), moved, int(common[best]))


def compare(
    frames: Sequence[Listed], made: Sequence[tuple[str, str]], aligned: Aligned | None, alike: Mapping[int, bool]
) -> FrameComparison:
    """Count how listed frames are found among those that were made: (SHA-256, perceptual hash), in order.

    Without `aligned` a frame is compared with the one of its own index. `alike` says of some frames, by index, whether
    their pictures look the same; of others their hashes say so.
    """
    offset, stride = (0, 1) if aligned is None else (aligned.offset, aligned.stride)
    counts = {"equal": 0, "alike": 0, "unlike": 0, "missing": 0}
    distances = []
    for frame in frames:
        place = frame.number * stride + offset
        if not 0 <= place < len(made):
            counts["missing"] += 1
            continue
        sha256, phash = made[place]
        if sha256 == frame.sha256:
            counts["equal"] += 1
            continue
        if frame.phash is not None:
            distances.append(distance(frame.phash, phash))
        if frame.number in alike:
            counts["alike" if alike[frame.number] else "unlike"] += 1
        elif frame.phash is not None:
            counts["alike" if distances[-1] <= ALIKE_BITS else "unlike"] += 1
        else:
            counts["missing"] += 1
    mean = float(np.mean(distances)) if distances else None
    return FrameComparison(
        listed=len(frames), **counts, mean_bits=mean, worst_bits=max(distances) if distances else None
    )


def _spread(values: NDArray[Any], places: NDArray[np.int_]) -> NDArray[np.float64]:
    """An array with the values at their places, and zeros elsewhere."""
    spread = np.zeros(int(places[-1]) + 1)
    spread[places] = values
    return spread


def _sums(product: NDArray[Any], offsets: NDArray[np.int_], size: int) -> NDArray[np.float64]:
    """The sums of products of +1, -1 and 0 at each offset, whole numbers, from the product of two transforms."""
    return np.asarray(fft.irfft(product, size)[offsets % size].round(), np.float64)


def _step(sequence: NDArray[np.float32]) -> float:
    """The mean distance, in bits, from each hash of a sequence to the next."""
    return float((1 - (sequence[1:] * sequence[:-1]).mean()) * _BITS / 2) if len(sequence) > 1 else 0.0


def _numbers(hashes: Sequence[str]) -> NDArray[np.uint64]:
    return np.array([int(each, 16) for each in hashes], np.uint64)
