"""Looks for OpenAI-compatible servers at the ports of this machine that such servers usually have."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import NamedTuple

from models.servers.failures import RequestFailed
from models.servers.transport import Transport
from schemas.safe_text import plain

# vLLM, SGLang, llama.cpp, LM Studio, Ollama, LiteLLM; 8100 is where our guides put the summarizer.
PORTS = (8000, 8001, 8100, 8080, 30000, 1234, 11434, 4000)
_SECONDS = 2.0
_MOST_MODELS = 50


class FoundServer(NamedTuple):
    """A server that answers: its address, which ends in `/v1`, and the names of its models, cleaned for printing."""

    url: str
    models: tuple[str, ...]


def find_servers(ports: Sequence[int] = PORTS, key: str | None = None) -> list[FoundServer]:
    """The servers of this machine that list their models, by the order of `ports`; all are asked at the same time.

    `key` is sent to each of them. A server that wants another key, or serves no model, is left out.
    """
    return asyncio.run(_all(ports, key))


async def _all(ports: Sequence[int], key: str | None) -> list[FoundServer]:
    transport = Transport(key)
    try:
        found = await asyncio.gather(*(_ask(transport, f"http://127.0.0.1:{port}/v1") for port in ports))
    finally:
        await transport.close()
    return [server for server in found if server is not None]


async def _ask(transport: Transport, url: str) -> FoundServer | None:
    try:
        cards = json.loads(await transport.get(f"{url}/models", _SECONDS))["data"]
        names = [card["id"] for card in cards[:_MOST_MODELS]]
    except (RequestFailed, LookupError, TypeError, ValueError, RecursionError):
        return None
    # A name that is not shown as it is could not be written into a configuration as it is either.
    known = tuple(name for name in names if isinstance(name, str) and name and plain(name, 200) == name)
    return FoundServer(url, known) if known else None
