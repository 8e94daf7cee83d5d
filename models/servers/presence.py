"""Whether a model server is there at all, before a run downloads anything for it.

A run waits for servers that were there and went away (`patience`). One that never was is told at once: nobody has
started it, or its address is wrong.
"""

from __future__ import annotations

import http.client
import ssl
import time
from urllib.parse import urlsplit

from schemas.configuration.model_config import OpenAIModel
from schemas.errors import ServerGone

_SECONDS = 5.0
_TRIES, _PAUSE = 3, 0.5  # a busy server may drop one connection


def require_server(role: str, config: OpenAIModel) -> None:
    """Raise ServerGone unless one of the servers of a model answers anything by HTTP, within seconds each."""
    for again in range(_TRIES):
        time.sleep(_PAUSE if again else 0.0)
        problems = []
        for url in config.base_urls:
            problem = _problem(url)
            if problem is None:
                return
            problems.append(f"{url}: {problem}")
    raise ServerGone(
        f"models.{role}: no server answers ({'; '.join(problems)}). Nothing was downloaded or asked. Start it "
        f"(`v2xum serve {role} CONFIG --run`), or correct models.{role}.base_urls; `v2xum doctor CONFIG` looks closer"
    )


def _problem(url: str) -> str | None:
    """Why a server does not answer; None when it does, with whatever status."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", f"{parts.path.removesuffix('/v1')}/health")
        connection.getresponse()
    except (OSError, http.client.HTTPException, ssl.SSLError, UnicodeError) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    finally:
        connection.close()
    return None
