"""Commits of checkpoints on the Hugging Face hub: asked once a process and in bounded time; offline, from the cache.

The hub's own client asks again for some 25 seconds, for every file. So a machine without a network waited minutes
before it heard of it.
"""

from __future__ import annotations

import functools
import threading
import time
from pathlib import Path

from schemas.errors import ConfigError

_SECONDS = 10.0  # for an answer of the hub
_ASK_AGAIN = 300.0  # after the hub gave no answer
_lock = threading.Lock()
_silent: tuple[float, str] | None = None  # when the hub gave no answer, and what was said


class HubUnreachable(ConfigError):
    """The hub gives no answer, and the cache has no copy of the checkpoint."""


def hub_commit(model: str, revision: str | None) -> str:
    """The commit (40 hex digits) that a hub id and a branch, tag or commit name (None: the main branch) stand for.

    Where the hub cannot be reached, it is the commit of the copy in the cache. Raises ConfigError when there is no such
    model, or neither hub nor copy; ModuleNotFoundError without the package huggingface_hub.
    """
    with _lock:
        return _commit(model, revision)


def weights_revision(model: str, revision: str | None) -> str | None:
    """The revision to load: the commit for a hub id, None for a folder. With a commit a cached file asks no hub."""
    return None if Path(model).is_dir() else hub_commit(model, revision)


@functools.lru_cache(maxsize=64)
def _commit(model: str, revision: str | None) -> str:
    import httpx2
    from huggingface_hub import HfApi, constants, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    global _silent
    why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else None
    if why is None and _silent is not None and time.monotonic() - _silent[0] < _ASK_AGAIN:
        why = _silent[1]
    if why is None:
        try:
            commit = HfApi().model_info(model, revision=revision, timeout=_SECONDS).sha
            if commit is None:
                raise ConfigError(f"model {model!r}: the hub names no commit; set `revision`")
            return commit
        except HFValidationError as error:
            raise ConfigError(f"model {model!r} is neither a folder nor a name of the hub") from error
        except HfHubHTTPError as error:
            if error.response.status_code < 500:
                said = str(error).strip().partition("\n")[0]
                raise ConfigError(f"model {model!r} cannot be loaded from the hub: {said}") from error
            why = f"it answers HTTP {error.response.status_code}"
        except (httpx2.HTTPError, OSError) as error:
            why = str(error) or type(error).__name__
        _silent = time.monotonic(), why
    cached = try_to_load_from_cache(model, "config.json", revision=revision)
    if isinstance(cached, str):
        return Path(cached).parent.name  # CACHE/models--OWNER--NAME/snapshots/COMMIT/config.json
    raise HubUnreachable(
        f"model {model!r}: the hub {constants.ENDPOINT} cannot be reached ({why}), and the cache has no copy"
    )
