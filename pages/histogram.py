"""The spread of a quantity over any number of values, in fixed memory."""

from __future__ import annotations

from schemas.run_summary import Spread

_FINE = 1000


class Histogram:
    """Counts in a thousand equal bins over [low, high]; values beyond count in the outermost ones."""

    def __init__(self, low: float, high: float) -> None:
        """An empty histogram. Raises ValueError unless low < high."""
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
        """Share of the values that lie no higher than `value`, to the bin."""
        return sum(self._bins[: self._bin(value) + 1]) / self.count if self.count else 0.0

    def share_from(self, value: float) -> float:
        """Share of the values that lie no lower than `value`, to the bin."""
        return sum(self._bins[self._bin(value) :]) / self.count if self.count else 0.0

    def quantile(self, share: float) -> float:
        """The middle of the bin below which `share` of the values lie, between the extremes."""
        wanted, seen = share * self.count, 0
        for number, count in enumerate(self._bins):
            seen += count
            if count and seen >= wanted:
                middle = self.low + (number + 0.5) * (self.high - self.low) / _FINE
                return min(max(middle, self._least), self._most)
        return self._most

    def coarse(self, bins: int, low: float, high: float) -> list[int]:
        """Counts in `bins` equal bins over [low, high]; values beyond count in the outermost ones."""
        counts = [0] * bins
        for number, count in enumerate(self._bins):
            if count:
                middle = self.low + (number + 0.5) * (self.high - self.low) / _FINE
                counts[min(max(int((middle - low) / (high - low) * bins), 0), bins - 1)] += count
        return counts

    def spread(self) -> Spread | None:
        """Mean, extremes and quantiles; None without values."""
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
