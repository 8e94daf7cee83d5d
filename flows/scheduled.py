"""The curate flow for deployments: it takes paths, which a schedule can store, instead of objects."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.curate import curate
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError


@flow(name="curate-file", flow_run_name="curate-file {workspace}", persist_result=False)
def curate_file(
    config: str,
    workspace: str,
    overrides: tuple[str, ...] = (),
    limit: int | None = None,
    adopt: bool = False,
    allow_fewer: bool = False,
) -> None:
    """Curate into a workspace by a configuration file; both paths are relative to the flow run's working directory.

    `overrides` are those of the option `--set` (`a.b=value`), `adopt` and `allow_fewer` as of `curate`. Raises
    ConfigError for a wrong configuration or one without sources, and RunStopped as `curate` does; the next run
    continues from there.
    """
    loaded = load_config(Path(config), overrides)
    if not loaded.sources:
        raise ConfigError(f"{config}: no `sources:`; a scheduled run needs them")
    curate(loaded, Path(workspace), limit, adopt=adopt, allow_fewer=allow_fewer)
