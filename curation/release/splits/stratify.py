"""Deals groups of videos out to splits so that every split has its share of each duration and category.

The method is the greedy one of iterative stratification (Sechidis, Tsoumakas, Vlahavas: On the Stratification of
Multi-Label Data, ECML PKDD 2011), with groups in place of examples: large groups first, and each goes where it brings
the counts nearest to the wanted ones. The distance is chi-square, so that a small split counts as much as a large one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from curation.release.splits.items import SplitItem
from schemas.manifest import SPLITS, SplitName

BANDS = (60.0, 120.0, 300.0, 600.0)  # seconds
FEWEST = 30  # rows of a stratum of its own: a share of 3.33 % of fewer is less than one row
_ALL = "all"


def strata_of(items: Sequence[SplitItem]) -> list[str]:
    """The stratum of each video: duration band and category; the band alone, or `other`, where these are rare."""
    bands = [_band(item.duration) for item in items]
    whole = [f"{band}, {item.category}" if item.category else band for band, item in zip(bands, items, strict=True)]
    counted, counted_bands = Counter(whole), Counter(bands)
    return [
        name if counted[name] >= FEWEST else band if counted_bands[band] >= FEWEST else "other"
        for name, band in zip(whole, bands, strict=True)
    ]


class Dealer:
    """Keeps what each split has of each stratum, and says where a group goes."""

    def __init__(self, wanted: Mapping[SplitName, float], strata: Sequence[str]) -> None:
        """`wanted`: the share of each split (they sum to 1); `strata`: the stratum of every video."""
        self._open = [split for split in SPLITS if wanted[split] > 0]
        totals = Counter(strata)
        totals[_ALL] = len(strata)
        self._targets = {(split, name): wanted[split] * count for split in SPLITS for name, count in totals.items()}
        self._has: Counter[tuple[SplitName, str]] = Counter()

    def put(self, split: SplitName, strata: Sequence[str]) -> None:
        """Note that videos of these strata are in the split."""
        for name in strata:
            self._has[split, name] += 1
            self._has[split, _ALL] += 1

    def best(self, strata: Sequence[str]) -> SplitName:
        """The split to which a group with videos of these strata brings least distance; the first of equal ones."""
        counts = Counter(strata)
        counts[_ALL] = len(strata)
        return min(self._open, key=lambda split: sum(self._added(split, name, counts[name]) for name in sorted(counts)))

    def _added(self, split: SplitName, name: str, count: int) -> float:
        has, target = self._has[split, name], self._targets[split, name]
        return ((has + count - target) ** 2 - (has - target) ** 2) / target


def _band(duration: float) -> str:
    lower = 0.0
    for upper in BANDS:
        if duration < upper:
            return f"{lower:g}-{upper:g} s"
        lower = upper
    return f"{lower:g} s and more"
