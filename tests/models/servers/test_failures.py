"""Faults of servers: how long a retry waits, and what may be logged."""

from hypothesis import given
from hypothesis import strategies as st

from models.servers.failures import log_line, pause_before
from schemas.safe_text import plain_line


@given(st.integers(1, 2000), st.floats(0, 10), st.one_of(st.none(), st.floats(0, 1e6)), st.floats(0, 600))
def test_pauses_are_bounded(retry, backoff, wait, longest) -> None:
    pause = pause_before(retry, backoff, wait, longest)
    assert 0 <= pause <= max(60, longest + backoff)
    if wait is not None:
        assert pause >= min(wait, longest)


@given(st.text())
def test_a_log_line_is_one_plain_line_without_the_key(text) -> None:
    line = log_line(f"{text} s3cret {text}", "s3cret")
    assert "s3cret" not in line and len(line) <= 500 and plain_line(line) == line
