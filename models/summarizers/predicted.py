"""What every summarizer gives for one video of F sampled frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Predicted:
    """A summary of one video.

    `scores`: float32 [F], each within 0..1, the saliency of every frame; None where the model gave none (V2T).
    `keyframes`: the chosen frames (0..F-1), ascending and unique. `text`: the summary without times. `interleaved`: the
    sentences of V2VT, each with the frames that it cites. Raises ValueError for anything else.
    """

    scores: NDArray[np.float32] | None
    keyframes: tuple[int, ...]
    text: str | None = None
    interleaved: tuple[tuple[tuple[int, ...], str], ...] | None = None

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        if list(self.keyframes) != sorted(set(self.keyframes)) or min(self.keyframes, default=0) < 0:
            raise ValueError(f"keyframes must be ascending, unique and not negative: {self.keyframes}")
        if self.scores is None:
            return
        if self.scores.ndim != 1 or self.scores.dtype != np.float32:
            raise ValueError(f"scores must be float32 [F], not {self.scores.dtype} {list(self.scores.shape)}")
        if not ((self.scores >= 0) & (self.scores <= 1)).all():  # NaN fails too
            raise ValueError("scores must lie within 0..1")
        cited = [frame for frames, _ in self.interleaved or () for frame in frames]
        last = max((*self.keyframes, *cited), default=0)
        if last >= max(len(self.scores), 1):
            raise ValueError(f"keyframe {last} of {len(self.scores)} frames")
