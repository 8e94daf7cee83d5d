"""A store that fails is asked again, a bounded number of times, and nothing that it says is a video's fault."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from curation.store import tries
from curation.store.tries import TRIES, pause, tried
from schemas.errors import MachineTrouble, TransientError


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would be made."""
    made: list[float] = []
    monkeypatch.setattr(tries, "sleep", made.append)
    return made


def _failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def work() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return work


def test_what_passes_is_tried_again_after_longer_and_longer_pauses(waits: list[float]) -> None:
    errors = (ConnectionResetError("x"), TimeoutError("x"), OSError(errno.EBUSY, "x"), OSError(errno.EIO, "x"))
    assert tried("writing", _failing(*errors)) == "done"
    assert len(waits) == len(errors) and all(0.5 * 2**n / 2 <= wait <= 0.5 * 2**n for n, wait in enumerate(waits))


def test_after_the_last_try_it_is_the_moments_fault_and_no_key_is_said(
    monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret")
    errors = [OSError(errno.EIO, f"signed with the-secret, try {n}") for n in range(TRIES)]
    with pytest.raises(TransientError, match="store_unreachable") as failed:
        tried("s3://films: writing a", _failing(*errors))
    assert "s3://films: writing a" in str(failed.value) and "the-secret" not in str(failed.value)
    assert len(waits) == TRIES - 1


@pytest.mark.parametrize("error", [PermissionError("x"), type("NoCredentialsError", (Exception,), {})("x")])
def test_a_refusal_stops_the_run_at_once(error: Exception, waits: list[float]) -> None:
    with pytest.raises(MachineTrouble, match="environment"):
        tried("reading", _failing(error))
    assert waits == []


@pytest.mark.parametrize("error", [FileNotFoundError("x"), OSError(errno.ENOSPC, "No space left on device")])
def test_a_file_that_is_not_there_and_a_full_disk_are_the_callers(error: Exception, waits: list[float]) -> None:
    with pytest.raises(type(error)):
        tried("reading", _failing(error))
    assert waits == []


def test_no_pause_is_longer_than_eight_seconds(waits: list[float]) -> None:
    for attempt in range(1, 30):
        pause(attempt)
    assert max(waits) <= 8 and len(waits) == 29
