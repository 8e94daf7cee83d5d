"""The protocol of a frame sampler, and what every sampler shares: limits and picture sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from curation.frames.defects import Findings
from schemas.errors import PermanentError


@dataclass(frozen=True, slots=True)
class Sampled:
    """Picture `image` (H, W, 3) uint8 RGB, upright and scaled, stands for sample `index`; `pts` in seconds.

    Consecutive samples of one long frame share one array.
    """

    index: int
    pts: float
    image: NDArray[np.uint8]


class Sampler(Protocol):
    """A sampling backend, bound to one file."""

    findings: Findings

    def samples(self) -> Iterator[Sampled]:
        """The samples in order, at least one; constant memory whatever the length.

        Raises PermanentError (`no_frames`, `too_long`, and what `open_media` raises) and MemoryError.
        """
        ...


def too_long(seconds: float, max_frames: int) -> PermanentError:
    """The error for a video of `seconds` that has more samples than allowed: refused, never cut short unseen."""
    return PermanentError("too_long", f"more than {max_frames} frames at {seconds:.1f} s")


def scaled_size(width: int, height: int, short_side: int, pixel_shape: Fraction | None = None) -> tuple[int, int]:
    """Width and height for a short side of `short_side`: never enlarged, even, pixels made square.

    `pixel_shape` is the width of a coded pixel over its height; the longer side of it is what shrinks.
    """
    shape = pixel_shape if pixel_shape and Fraction(1, 4) <= pixel_shape <= 4 else Fraction(1)
    wide, high = width * min(shape, Fraction(1)), height / max(shape, Fraction(1))
    scale = min(Fraction(1), Fraction(short_side) / min(wide, high))
    return max(int(wide * scale) // 2 * 2, 2), max(int(high * scale) // 2 * 2, 2)
