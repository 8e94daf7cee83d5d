"""Asks a store at an address several times, with pauses, and says whose fault it is when it gives no good answer."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from time import sleep
from typing import TypeVar

from schemas.errors import MachineTrouble, NotStored, TransientError, is_storage_full
from schemas.kit.blame import in_one_line

log = logging.getLogger(__name__)
T = TypeVar("T")

TRIES = 5
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0  # seconds between tries
_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_STORAGE_ACCOUNT_KEY")
# By name: the libraries are not imported here. The last one means a name that no store can have.
_REFUSALS = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ParamValidationError")


def tried(doing: str, work: Callable[[], T]) -> T:
    """What `work` gives, which is called again after a pause when it raises; `doing` says what, with the address.

    FileNotFoundError, NotStored and a full disk come through at once. Raises TransientError `store_unreachable` after
    the last try, and at once MachineTrouble when the store refuses: then no try helps, and no video.
    """
    attempt = 1
    while True:
        try:
            return work()
        except (FileNotFoundError, NotStored):
            raise
        except Exception as error:
            if is_storage_full(error):
                raise
            said = _without_keys(f"{doing}: {in_one_line(error)}")
            if isinstance(error, PermissionError | NotADirectoryError) or type(error).__name__ in _REFUSALS:
                way = "The keys come from the environment, and must allow to list, read and write there"
                raise MachineTrouble(f"{said}. {way}") from error
            if attempt == TRIES:
                raise TransientError("store_unreachable", f"{said}, {TRIES} times") from error
            log.debug("%s (try %d of %d)", said, attempt, TRIES)
        pause(attempt)
        attempt += 1


def pause(attempt: int) -> None:
    """Wait after the failed try `attempt` (from 1): half a second, then twice as long each time, 8 seconds at most.

    Up to half of it is left out at random, so that machines that failed together do not come back together.
    """
    sleep(min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT) * secrets.SystemRandom().uniform(0.5, 1))


def _without_keys(text: str) -> str:
    for value in filter(None, map(os.environ.get, _SECRETS)):
        text = text.replace(value, "***")
    return text
