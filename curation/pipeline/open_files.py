"""How many files a run may have open: too few are an error at its start, and not a failure of every video."""

from __future__ import annotations

import resource

from schemas.configuration.config import CurateConfig
from schemas.configuration.model_config import ServerConfig
from schemas.errors import ConfigError

# Measured on the demo: 33 in the run and 25 in its Prefect server. Libraries open more while they are imported.
_LEAST = 200
_FOR_A_VIDEO = 8  # files, pipes and connections of a video that is being downloaded or decoded
RAISE_TO = 4096  # many systems give 1,024 or 256 and allow far more


def needed_files(config: CurateConfig) -> int:
    """The fewest files, pipes and connections with which a run of this configuration works."""
    run = config.run
    return _LEAST + _FOR_A_VIDEO * (run.shards_in_flight * (run.download_workers + 1) + run.decode_workers)


def wanted_files(config: CurateConfig) -> int:
    """What a run has open at most: `needed_files`, and one connection for each request at a model server."""
    return needed_files(config) + sum(map(_connections, config.models.named().values()))


def allowed_files(wanted: int) -> int:
    """How many files this process may have open after it asked the system for as many as it wants."""
    soft, hard = (_number(limit) for limit in resource.getrlimit(resource.RLIMIT_NOFILE))
    return max(soft, min(hard, max(wanted, RAISE_TO)))


def require_files(config: CurateConfig) -> None:
    """Raise this process's limit of open files to what a run may want. Raises ConfigError where a run cannot work.

    Child processes inherit the limit.
    """
    needed, allowed = needed_files(config), allowed_files(wanted_files(config))
    if allowed < needed:
        raise ConfigError(
            f"this process may have only {allowed} files open, and the run needs {needed}: {how_to_raise(needed)}"
        )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _number(soft) < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def how_to_raise(wanted: int) -> str:
    """What a user can do about a limit that is too low."""
    number = max(wanted, RAISE_TO)
    return (
        f"raise the limit (`ulimit -n {number}`, in systemd LimitNOFILE={number}), or lower run.shards_in_flight, "
        "run.download_workers and the concurrency of the models"
    )


def _connections(model: object) -> int:
    return len(model.base_urls) * model.concurrency.max if isinstance(model, ServerConfig) else 0


def _number(limit: int) -> int:
    return 1 << 30 if limit == resource.RLIM_INFINITY else limit
