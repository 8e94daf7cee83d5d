"""What is said while each sampled frame is shown, for summarizers that read it beside the pictures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from schemas.kit.neutral import neutral
from schemas.parts.transcript import SpokenSegment

LONGEST_SAID = 1000  # characters of a frame


def said_at(segments: Iterable[SpokenSegment], seconds: NDArray[np.float64], duration: float) -> tuple[str, ...]:
    """What is said while each of F frames is shown: the whole lines, by time; "" where nobody speaks.

    `seconds` (F,): when each frame begins to be shown, ascending from 0; the last one is shown until `duration`. A line
    without length counts where it begins. Temporal marks in a line become plain brackets. Lines that a frame has beyond
    `LONGEST_SAID` characters are left out: ends that are wrong put hundreds of them into one second.
    """
    places: list[list[int]] = [[] for _ in seconds]
    lengths = [0] * len(places)
    lines: list[str] = []
    for segment in sorted(segments, key=lambda one: (one.start, one.end)):
        if segment.start < duration:
            first = max(0, int(np.searchsorted(seconds, segment.start, "right")) - 1)
            end = max(first + 1, int(np.searchsorted(seconds, segment.end, "left")))
            lines.append(neutral(segment.text))
            for frame in range(first, min(end, len(places))):
                if not places[frame] or lengths[frame] + len(lines[-1]) < LONGEST_SAID:
                    places[frame].append(len(lines) - 1)
                    lengths[frame] += 1 + len(lines[-1])
    joined: dict[tuple[int, ...], str] = {}  # frames with the same lines share one text
    return tuple(joined.setdefault(of, " ".join(lines[line] for line in of)) for of in map(tuple, places))
