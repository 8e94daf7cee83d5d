"""A histogram that counts any number of values in fixed memory, and tells their mean, extremes and quantiles."""

from __future__ import annotations

from schemas.documents.run_summary import Spread

_FINE = 1000


class Histogram:
    """Counts values in a thousand equal bins over [low, high]; values beyond the ends count in the outermost bins."""

    def __init__(self, low: float, high: float) -> None:
        """Make an empty histogram. Raises ValueError unless low < high."""
        if not low < high:
            raise ValueError("low must be below high")
        self.low, self.high = low, high
        self.count = 0
        self._bins = [0] * _FINE
        self._total = 0.0
        self._least, self._most = high, low

    def add(self, value: float) -> None:
        """Count a value."""
        if self.count == 0:
            self._least = self._most = value
        self._least, self._most = min(self._least, value), max(self._most, value)
        self.count += 1
        self._total += value
        self._bins[self._bin(value)] += 1

    def share_up_to(self, value: float) -> float:
        """The share (0..1) of values that are at most `value`, exact to a bin; 0 without values."""
        return sum(self._bins[: self._bin(value) + 1]) / self.count if self.count else 0.0

    def share_from(self, value: float) -> float:
        """The share (0..1) of values that are at least `value`, exact to a bin; 0 without values."""
        return sum(self._bins[self._bin(value) :]) / self.count if self.count else 0.0

    def quantile(self, share: float) -> float:
        """The value below which `share` (0..1) of the values lie, exact to a bin and never beyond the extremes."""
        wanted, passed = share * self.count, 0
        for number, count in enumerate(self._bins):
            passed += count
            if count and passed >= wanted:
                middle = self.low + (number + 0.5) * (self.high - self.low) / _FINE
                return min(max(middle, self._least), self._most)
        return self._most

    def coarse(self, bins: int, low: float, high: float) -> list[int]:
        """The counts in `bins` equal bins over [low, high]; values beyond the ends count in the outermost bins."""
        counts = [0] * bins
        for number, count in enumerate(self._bins):
            if count:
                middle = self.low + (number + 0.5) * (self.high - self.low) / _FINE
                counts[min(max(int((middle - low) / (high - low) * bins), 0), bins - 1)] += count
        return counts

    def spread(self) -> Spread | None:
        """Mean, extremes and quantiles of the values; None without values."""
        if not self.count:
            return None
        return Spread(
            count=self.count,
            mean=round(self._total / self.count, 6),
            minimum=self._least,
            p05=round(self.quantile(0.05), 6),
            median=round(self.quantile(0.5), 6),
            p95=round(self.quantile(0.95), 6),
            maximum=self._most,
        )

    def _bin(self, value: float) -> int:
        return min(max(int((value - self.low) / (self.high - self.low) * _FINE), 0), _FINE - 1)
