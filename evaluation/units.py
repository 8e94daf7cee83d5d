"""The units of metrics: the range that values have, and the worst value, which a failed prediction gets.

One rule holds for every metric. What a system could have answered and did not is worst: no prediction, an answer that
cannot be read, a text without a word, a selection without a frame. What no system could answer is undefined for all of
them, also for a failed prediction: a rank correlation with a constant annotation or on one frame, text where the
reference has none. Only a system that never answers in a form at all (it writes texts and names no frame) has no value
of that form's metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Unit(NamedTuple):
    """The lowest and the highest possible value, and the worst that counts."""

    lowest: float
    highest: float
    worst: float


KNOWN_UNITS: Mapping[str, Unit] = MappingProxyType(
    {
        "fraction": Unit(0.0, 1.0, worst=0.0),
        "correlation": Unit(-1.0, 1.0, worst=-1.0),
        # 0 is below what CLIPs give for pictures and texts that have nothing in common.
        "cosine": Unit(-1.0, 1.0, worst=0.0),
        "CIDEr": Unit(0.0, 10.0, worst=0.0),
    }
)
