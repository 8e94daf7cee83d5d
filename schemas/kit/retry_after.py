"""The header Retry-After of an HTTP answer, for downloads and for model servers."""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks to wait, 0 or more: a number, or an HTTP date against `now` (Unix time).

    None when the header is absent or malformed. RFC 9110, 10.2.3.
    """
    text = (value or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
            seconds = (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
