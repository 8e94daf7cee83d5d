from __future__ import annotations

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.pipeline.budget import Budget, bill
from models.meter import Meter, Reading
from schemas.configuration.config import PriceConfig
from schemas.errors import BudgetReached, ConfigError

PRICES = PriceConfig(currency="EUR", gpu_hour=3.0, gpus=2, million_tokens_in=0.5, million_tokens_out=1.5)


def reading(seconds: float = 0.0, tokens_in: int = 0, tokens_out: int = 0) -> Reading:
    return Meter().read()._replace(seconds=seconds, tokens_in=tokens_in, tokens_out=tokens_out)


def test_a_bill_holds_gpus_for_all_of_the_time_and_tokens_by_the_million() -> None:
    found = bill(PRICES, 1800, 2_000_000, 1_000_000)
    assert found == (3.0, 2.5)
    assert found.total == 5.5


@given(
    limit=st.floats(0.001, 1e6),
    seconds=st.floats(0, 1e6),
    tokens_in=st.integers(0, 10**9),
    tokens_out=st.integers(0, 10**9),
)
def test_each_limit_is_reached_exactly_when_its_measure_is(
    limit: float, seconds: float, tokens_in: int, tokens_out: int
) -> None:
    now = reading(seconds, tokens_in, tokens_out)
    cost = bill(PRICES, seconds, tokens_in, tokens_out).total
    for budget, reached in (
        (Budget(max_cost=limit, prices=PRICES), cost >= limit),
        (Budget(max_hours=limit), seconds >= 3600 * limit),
        (Budget(max_tokens=limit), tokens_in + tokens_out >= limit),
        (Budget(prices=PRICES), False),
    ):
        if reached:
            with pytest.raises(BudgetReached, match="the same command with a larger budget goes on"):
                budget.check(now)
        else:
            budget.check(now)


def test_the_message_names_the_limit_and_what_was_used() -> None:
    with pytest.raises(BudgetReached, match=r"--max-tokens 1,000, used 1,200 tokens \(900 in, 300 out\)"):
        Budget(max_tokens=1000).check(reading(1, 900, 300))
    with pytest.raises(BudgetReached, match=r"--max-cost 5 EUR, used 6 EUR \(6 for GPUs, 0 for tokens\)"):
        Budget(max_cost=5, prices=PRICES).check(reading(3600))
    with pytest.raises(BudgetReached, match=r"--max-hours 0.5, used 0.75 hours"):
        Budget(max_hours=0.5).check(reading(2700))


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["max_cost", "max_hours", "max_tokens"])
def test_a_limit_that_nothing_can_be_done_under_is_refused(name: str, limit: float) -> None:
    with pytest.raises(ConfigError, match=name.replace("_", "-")):
        Budget(**{name: limit}, prices=PRICES)


@pytest.mark.parametrize("prices", [None, PriceConfig(), PriceConfig(gpu_hour=2, gpus=0)])
def test_money_needs_prices(prices: PriceConfig | None) -> None:
    with pytest.raises(ConfigError, match=r"prices\.gpu_hour.*prices\.million_tokens_in"):
        Budget(max_cost=1, prices=prices)


def test_replies_of_the_ledger_are_free_and_paid_ones_count_from_any_thread() -> None:
    meter, budget = Meter(), Budget(max_tokens=1000)
    meter.cached(10**6)
    budget.check(meter.read())
    threads = [threading.Thread(target=lambda: [meter.reply(3, 2) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(BudgetReached):
        budget.check(meter.read())
