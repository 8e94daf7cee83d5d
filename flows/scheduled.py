"""The curate flow as a deployment: what a server's schedule can give, names of files, instead of objects."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.curate import curate
from schemas.errors import ConfigError
from schemas.loading import load_config


@flow(name="curate-file", persist_result=False)
def curate_file(config: str, workspace: str, overrides: tuple[str, ...] = (), limit: int | None = None) -> None:
    """Curate by a configuration file into a workspace; both paths are relative to the worker's folder.

    `overrides` are as the command line's `--set` (`a.b=value`). Raises ConfigError for a wrong configuration or one
    without sources, and RunStopped as `curate` does: the next run goes on from there.
    """
    loaded = load_config(Path(config), overrides)
    if not loaded.sources:
        raise ConfigError(f"{config}: no `sources:`, which a scheduled run needs")
    curate(loaded, Path(workspace), limit)
