"""Lines on stderr that say how far a training is."""

from __future__ import annotations

import sys
import time

from schemas.kit.number_of import number_of
from training.loop import Step

_EVERY_SECONDS = 10.0


class TrainLines:
    """One line every ten seconds."""

    def __init__(self) -> None:
        """Begin to count the seconds."""
        self._next = time.monotonic() + _EVERY_SECONDS

    def video(self, done: int, videos: int) -> None:
        """The vectors of a video were made."""
        self._line(f"features of {done:,} of {number_of(videos, 'video')}")

    def step(self, step: Step) -> None:
        """A step was trained."""
        told = [f"step {step.step:,} of {step.steps:,} (epoch {step.epoch:.1f})"]
        told += [f"loss {step.loss:.4f}"] if step.loss is not None else []
        told += [f"validation {step.validation_loss:.4f}"] if step.validation_loss is not None else []
        told += [f"{step.seconds_left:,.0f} s left"] if step.seconds_left == step.seconds_left else []
        self._line(", ".join(told))

    def _line(self, text: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_SECONDS
            sys.stderr.write(f"progress: {text}\n")
