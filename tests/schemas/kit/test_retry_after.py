"""The header Retry-After in its two forms, and malformed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.kit.retry_after import retry_after

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@given(st.integers(-10, 10**6))
def test_a_date_and_a_number_of_seconds(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after(date, NOW.timestamp()) == max(seconds, 0)
    assert retry_after(f" {seconds} ", NOW.timestamp()) == max(seconds, 0)


@given(st.none() | st.text(max_size=40))
def test_a_malformed_header_is_none_or_bounded(text: str | None) -> None:
    value = retry_after(text, NOW.timestamp())
    assert value is None or 0 <= value < float("inf")


def test_a_date_without_a_zone_is_in_utc() -> None:
    assert retry_after("Wed, 01 Jul 2026 12:01:00 -0000", NOW.timestamp()) == 60


@pytest.mark.parametrize("text", [None, "", "soon", "nan", "inf"])
def test_what_says_nothing_is_none(text: str | None) -> None:
    assert retry_after(text, NOW.timestamp()) is None
