"""Counts in the order in which people read them."""

from __future__ import annotations

from collections.abc import Mapping


def most_first(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts, the largest first; of equal ones the first by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
