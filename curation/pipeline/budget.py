"""The budget of one run: limits of tokens, hours and money, checked often while the run works.

Only this run counts, not earlier ones. Replies that the ledger had already are free.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from models.meter import Reading
from schemas.configuration.config import PriceConfig
from schemas.errors import BudgetReached, ConfigError

_GOES_ON = "nothing finished is lost: the same command with a larger budget goes on from here"


class Bill(NamedTuple):
    """What a run cost so far: money by GPU hours and by tokens, in the configured currency."""

    gpu: float
    tokens: float

    @property
    def total(self) -> float:
        """GPU hours and tokens together."""
        return self.gpu + self.tokens


def bill(prices: PriceConfig, seconds: float, tokens_in: float, tokens_out: float) -> Bill:
    """Price `seconds` of wall time, in which all configured GPUs are held, and tokens."""
    gpu = prices.gpus * prices.gpu_hour * seconds / 3600
    tokens = (prices.million_tokens_in * tokens_in + prices.million_tokens_out * tokens_out) / 1e6
    return Bill(gpu, tokens)


def has_prices(prices: PriceConfig) -> bool:
    """Whether any price is above zero."""
    return bool(prices.gpus * prices.gpu_hour or prices.million_tokens_in or prices.million_tokens_out)


class Budget:
    """Limits of one run; None is no limit."""

    def __init__(
        self,
        max_cost: float | None = None,
        max_hours: float | None = None,
        max_tokens: float | None = None,
        prices: PriceConfig | None = None,
    ) -> None:
        """Limits in the currency of `prices`, in wall hours, and in tokens read and written.

        Raises ConfigError for a limit of zero or less, and for `max_cost` without prices.
        """
        self.prices = prices or PriceConfig()
        self.max_cost, self.max_hours, self.max_tokens = max_cost, max_hours, max_tokens
        for name, limit in (("--max-cost", max_cost), ("--max-hours", max_hours), ("--max-tokens", max_tokens)):
            if limit is not None and not (math.isfinite(limit) and limit > 0):
                raise ConfigError(f"{name} {limit:g}: nothing can be done with that; give a number above 0")
        if max_cost is not None and not has_prices(self.prices):
            raise ConfigError(
                "--max-cost needs prices, and all of the configuration's are 0: set prices.gpu_hour (and prices.gpus), "
                "or prices.million_tokens_in and prices.million_tokens_out"
            )

    def check(self, reading: Reading) -> None:
        """Raise BudgetReached when a limit is reached. The check is a few comparisons, so it can be called often."""
        tokens = reading.tokens_in + reading.tokens_out
        if self.max_tokens is not None and tokens >= self.max_tokens:
            used = f"{tokens:,} tokens ({reading.tokens_in:,} in, {reading.tokens_out:,} out)"
            raise self._reached("--max-tokens", f"{self.max_tokens:,.0f}", used)
        if self.max_hours is not None and reading.seconds >= 3600 * self.max_hours:
            raise self._reached("--max-hours", f"{self.max_hours:g}", f"{reading.seconds / 3600:.4g} hours")
        if self.max_cost is not None:
            cost = bill(self.prices, reading.seconds, reading.tokens_in, reading.tokens_out)
            if cost.total >= self.max_cost:
                unit = self.prices.currency
                used = f"{cost.total:.4g} {unit} ({cost.gpu:.4g} for GPUs, {cost.tokens:.4g} for tokens)"
                raise self._reached("--max-cost", f"{self.max_cost:g} {unit}", used)

    def _reached(self, option: str, limit: str, used: str) -> BudgetReached:
        return BudgetReached(f"budget reached: {option} {limit}, used {used}; {_GOES_ON}")
