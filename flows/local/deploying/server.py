"""The Prefect server to which `v2xum deploy` deploys: a client of it, and its faults in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import get_current_settings

from flows.local.prefect_server import raise_if_open
from schemas.errors import ConfigError
from schemas.safe_text import plain_line
from schemas.secret_addresses import hide_secrets, without_secrets

_START = (
    "start one with PREFECT_SERVER_API_AUTH_STRING=USER:PASSWORD prefect server start, and set "
    "PREFECT_API_URL=http://127.0.0.1:4200/api and PREFECT_API_AUTH_STRING=USER:PASSWORD"
)
_LONGEST = 500


@contextmanager
def open_server() -> Iterator[tuple[str, SyncPrefectClient]]:
    """Yield the address of the server at PREFECT_API_URL, without secrets, and a client of it.

    Raises ConfigError without an address, for a server on a network that asks for no password, for one that does not
    answer or refuses the password, and, from the block, for what it refuses.
    """
    url = get_current_settings().api.url
    if not url:
        raise ConfigError(f"PREFECT_API_URL is not set, so no Prefect server is known: {_START}")
    raise_if_open(url)
    shown = without_secrets(url)
    try:
        with ExitStack() as stack:
            try:
                client = stack.enter_context(get_client(sync_client=True))
            except RuntimeError as error:  # the client's own words for no answer, and for an address of something else
                raise ConfigError(f"PREFECT_API_URL: no Prefect server answers at {shown}: {_START}") from error
            yield shown, client
    except httpx.HTTPStatusError as error:
        raise ConfigError(_refused(shown, error)) from error
    except (httpx.HTTPError, OSError) as error:
        raise ConfigError(f"PREFECT_API_URL: no Prefect server answers at {shown} ({error}): {_START}") from error


def _refused(shown: str, error: httpx.HTTPStatusError) -> str:
    status = error.response.status_code
    if status in (401, 403):
        return f"PREFECT_API_AUTH_STRING: the Prefect server {shown} was started with another"
    try:
        said = error.response.json()
    except ValueError:
        said = error.response.text
    detail = said.get("detail", said) if isinstance(said, dict) else said
    return f"the Prefect server {shown} refused it ({status}): {plain_line(hide_secrets(str(detail)))[:_LONGEST]}"
