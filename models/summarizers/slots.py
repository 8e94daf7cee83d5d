"""The slots of one model: which frame each slot shows, which slot a frame belongs to, and how slots are written.

`schemas.time` has the one mapping; this is the mapping for a number of slots N, also for whole arrays. Where a video
has F >= N sampled frames, slot -> frame -> slot returns the same slot; where F <= N, frame -> slot -> frame returns
the same frame. Upstream's labels and frames follow two mappings, up to a slot apart
(docs/decisions/0004-time-and-slots.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.temporal import slot_digits
from schemas.time import (
    SLOTS,
    FrameIndex,
    Slot,
    index_to_slot,
    slot_to_index,
)


@dataclass(frozen=True)
class SlotMap:
    """The map between frames and N slots. Raises ValueError for fewer than two slots."""

    slots: int = SLOTS

    def __post_init__(self) -> None:
        """Check the number of slots."""
        slot_digits(self.slots)

    def text(self, slot: int) -> str:
        """A slot as prompts and answers write it: `[07]`, zero-padded to the digits of N - 1."""
        if not 0 <= slot < self.slots:
            raise ValueError(f"slot {slot} of {self.slots}")
        return f"[{slot:0{slot_digits(self.slots)}d}]"

    def texts(self) -> tuple[str, ...]:
        """The texts of all slots."""
        return tuple(self.text(slot) for slot in range(self.slots))

    def of_frame(self, frame: int, frames: int) -> int:
        """The slot of one of F = `frames` sampled frames."""
        return index_to_slot(FrameIndex(frame), frames, self.slots)

    def frame(self, slot: int, frames: int) -> int:
        """The frame that a slot shows, of F = `frames` sampled frames."""
        return slot_to_index(Slot(slot), frames, self.slots)

    def shown(self, frames: int) -> NDArray[np.int64]:
        """The frame that each slot shows, int64 [N], ascending."""
        return np.array([self.frame(slot, frames) for slot in range(self.slots)], np.int64)

    def needed(self, frames: int) -> NDArray[np.bool_]:
        """Which slots, bool [N], labels can name: with F < N frames, of the slots that show one frame only one."""
        needed = np.zeros(self.slots, bool)
        needed[[self.of_frame(frame, frames) for frame in range(frames)]] = True
        return needed

    def scores(self, probabilities: Mapping[int, float] | Sequence[float], frames: int) -> NDArray[np.float64]:
        """Scores [F] of the frames from probabilities of the slots, each 0..1. A slot that a mapping leaves out has 0.

        The score of a frame is the largest probability of the slots that show it; where none does, which needs F > N,
        it is linear between its two neighbours. Raises ValueError for a slot outside 0..N-1, for another number of
        slots, and for values that are not probabilities.
        """
        table = np.zeros(self.slots)
        if isinstance(probabilities, Mapping):
            outside = [slot for slot in probabilities if not 0 <= slot < self.slots]
            if outside:
                raise ValueError(f"slot {outside[0]} outside 0..{self.slots - 1}")
            table[list(probabilities)] = list(probabilities.values())
        elif len(probabilities) != self.slots:
            raise ValueError(f"{len(probabilities)} probabilities for {self.slots} slots")
        else:
            table[:] = probabilities
        if not ((table >= 0) & (table <= 1 + 1e-6)).all():  # NaN fails too
            raise ValueError("probabilities lie within 0 and 1 (not their logarithms)")
        best = np.full(frames, -1.0)
        np.maximum.at(best, self.shown(frames), table)
        with_slot = np.flatnonzero(best >= 0)
        scores: NDArray[np.float64] = np.interp(np.arange(frames), with_slot, best[with_slot])
        return scores
