"""Whether a model server is there at all, before a run downloads anything for it.

A run waits for servers that were there and went away (`patience`). One that never was is told at once: nobody has
started it, or its address is wrong.
"""

from __future__ import annotations

import asyncio
import time

from models.servers.failures import RequestFailed
from models.servers.transport import Transport
from schemas.configuration.model_config import ServerConfig, SpeechServer
from schemas.errors import ServerGone

_SECONDS = 5.0
_TRIES, _PAUSE = 3, 0.5  # a busy server may drop one connection


def require_server(role: str, config: ServerConfig) -> None:
    """Raise ServerGone unless one of the servers of a model answers anything by HTTP, within seconds each."""
    for again in range(_TRIES):
        time.sleep(_PAUSE if again else 0.0)
        problems = []
        for url in config.base_urls:
            problem = asyncio.run(_problem(url))
            if problem is None:
                return
            problems.append(f"{url}: {problem}")
    start = f"vllm serve {config.model}" if isinstance(config, SpeechServer) else f"v2xum serve {role} CONFIG --run"
    raise ServerGone(
        f"models.{role}: no server answers ({'; '.join(problems)}). Nothing was downloaded or asked. Start it "
        f"(`{start}`), or correct models.{role}.base_urls; `v2xum doctor CONFIG` looks closer"
    )


async def _problem(url: str) -> str | None:
    """Why a server cannot be reached; None when it answers, with whatever status, or is connected and slow."""
    transport = Transport(None)
    try:
        await transport.get(f"{url.removesuffix('/v1')}/health", _SECONDS)
    except RequestFailed as error:
        fault = error.fault
        slow = fault.kind == "timeout" and fault.reached
        return None if slow or fault.status is not None else fault.reason
    finally:
        await transport.close()
    return None
