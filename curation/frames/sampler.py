"""The protocol of a frame sampler, and what all samplers share: tolerances, limits and picture sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from curation.frames.defects import Findings
from schemas.errors import PermanentError

# Containers round time stamps to 1 ms: a picture that ends less than 5 ms after a sampling time does not stand for it.
TIME_ROUNDING = Fraction(5, 1000)


@dataclass(frozen=True, slots=True)
class Sampled:
    """The sample `index`: picture `image` (H, W, 3) uint8 RGB, upright and scaled, shown at `pts` seconds.

    Consecutive samples share one array where one frame stands for all of them.
    """

    index: int
    pts: float
    image: NDArray[np.uint8]


class Sampler(Protocol):
    """A sampling backend for one file; `findings` are complete when all samples were taken."""

    findings: Findings

    def samples(self) -> Iterator[Sampled]:
        """Yield the samples in order, at least one. The memory does not grow with the length of the video.

        Raises PermanentError (`no_frames`, `too_long`, and what `open_media` raises) and MemoryError.
        """
        ...


def too_long(seconds: float, max_frames: int) -> PermanentError:
    """The error for a video with more than `max_frames` samples: it is refused, never silently shortened."""
    return PermanentError("too_long", f"more than {max_frames} frames at {seconds:.1f} s")


def scaled_size(width: int, height: int, short_side: int, pixel_shape: Fraction | None = None) -> tuple[int, int]:
    """The width and height of a picture whose short side is `short_side`: even, never enlarged, with square pixels.

    `pixel_shape` is the width of a coded pixel divided by its height; the picture shrinks along the longer of the two.
    """
    shape = pixel_shape if pixel_shape and Fraction(1, 4) <= pixel_shape <= 4 else Fraction(1)
    wide, high = width * min(shape, Fraction(1)), height / max(shape, Fraction(1))
    scale = min(Fraction(1), Fraction(short_side) / min(wide, high))
    return max(int(wide * scale) // 2 * 2, 2), max(int(high * scale) // 2 * 2, 2)
