"""Turns the errors of huggingface_hub, hf_xet and the network into one sentence each, with the way out.

No sentence holds a token: messages of the server pass through `hide_secrets`, and the token itself is cut out.
"""

from __future__ import annotations

import re
import time

from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from schemas.errors import ConfigError, NotPublished, V2XumError
from schemas.kit.blame import causes
from schemas.kit.retry_after import retry_after
from schemas.safe_text import plain
from schemas.secret_addresses import hide_secrets

AGAIN = "the same command goes on from here"
LOGIN = "run `hf auth login` with a token that may write (https://huggingface.co/settings/tokens), or set HF_TOKEN"
_SAID = 300
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_OF_XET = re.compile(r"HTTP status (?:client|server) error \((\d{3})\b")  # hf_xet says a status in words alone


def status_of(error: BaseException) -> int | None:
    """The HTTP status in an error or in what caused it; None for errors without an answer."""
    for link in causes(error):
        if isinstance(link, HfHubHTTPError):
            return int(link.response.status_code)
        if isinstance(link, ConnectionError) and (found := _OF_XET.search(str(link))):
            return int(found[1])
    return None


def is_transient(error: BaseException) -> bool:
    """Whether another try may help: no connection, too many requests, or a fault of the server."""
    status = status_of(error)
    if status is not None:
        return status in _TRANSIENT
    return not isinstance(error, OfflineModeIsEnabled) and any(map(_is_of_the_network, causes(error)))


def asked_to_wait(error: BaseException) -> float:
    """Seconds that the server asked to wait; 0 when it did not say."""
    for link in causes(error):
        if isinstance(link, HfHubHTTPError):
            return retry_after(link.response.headers.get("Retry-After"), time.time()) or 0.0
    return 0.0


def sentence(error: Exception, repository: str, doing: str, token: str | None) -> V2XumError | None:
    """The error as one of the project's; None for another kind (a file of this machine, a mistake of ours).

    `doing`: the step that failed, such as "uploading files".
    """
    for link in causes(error):
        if isinstance(link, LocalTokenNotFoundError):
            return ConfigError(f"there is no token for the Hugging Face Hub: {LOGIN}")
        if isinstance(link, OfflineModeIsEnabled):
            return ConfigError("HF_HUB_OFFLINE is set, so nothing is sent: unset it to publish")
    status = status_of(error)
    if status is not None:
        return _of_status(status, error, repository, doing, token)
    if isinstance(error, ValueError) and "metadata in README.md" in str(error):
        return ConfigError(f"the Hub refuses the header of the card: {clean(str(error), token)}")
    for link in causes(error):
        if _is_of_the_network(link):
            return NotPublished(
                f"{doing}: no connection to the Hub ({clean(f'{type(link).__name__}: {link}', token)}). Readers see "
                f"what they saw before. Check the network, HTTPS_PROXY and HF_ENDPOINT; {AGAIN}"
            )
    return None


def clean(text: str, token: str | None) -> str:
    """A foreign message as one short line without secrets."""
    if token:
        text = text.replace(token, "***")
    return plain(hide_secrets(text), _SAID)


def _of_status(status: int, error: Exception, repository: str, doing: str, token: str | None) -> V2XumError:
    said = clean(_message(error), token)
    what = f"{doing}: the Hub answered {status}" + (f" ({said})" if said else "")
    if status == 401:
        return ConfigError(f"{what}: it does not accept the token; {LOGIN}")
    if status == 402:
        return NotPublished(f"{what}: the storage of {repository.split('/')[0]} is used up, or must be paid for")
    if status == 403:
        return ConfigError(f"{what}: the token may not do that to {repository}; {LOGIN}")
    if status == 404:
        return NotPublished(
            f"{what}: {repository} or a part of it is gone, or the token may not see it. Look at the name; {AGAIN}"
        )
    if status in (409, 412):
        return NotPublished(f"{what}: somebody else changed {repository} at this moment; {AGAIN}")
    if status == 413:
        return NotPublished(f"{what}: the Hub does not take so much at once")
    if status == 429:
        return NotPublished(f"{what}: too many requests in a short time{_when(error)}; {AGAIN}")
    if status in _TRANSIENT or status >= 500:
        return NotPublished(f"{what}: a fault of the Hub, see https://status.huggingface.co; {AGAIN}")
    return NotPublished(f"{what}: it refuses this release")


def _when(error: Exception) -> str:
    seconds = asked_to_wait(error)
    return f", wait {seconds / 60:.0f} minutes" if seconds >= 60 else f", wait {seconds:.0f} s" if seconds else ""


def _message(error: Exception) -> str:
    for link in causes(error):
        if isinstance(link, HfHubHTTPError):
            return link.server_message or link.response.headers.get("X-Error-Message") or ""
    return ""


def is_missing(error: Exception) -> bool:
    """Whether the repository does not exist, or must not be seen by this token."""
    return isinstance(error, RepositoryNotFoundError)


def _is_of_the_network(error: BaseException) -> bool:
    """Whether an error is that of a connection, by its type: the Hub's library brings its own client."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    return isinstance(error, ConnectionError | TimeoutError) or "TransportError" in kinds
