"""The publishing flow: sends a release to the Hugging Face Hub or to a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from curation.release.publish.steps import Wishes
from curation.workspace import Workspace
from tasks.publish import publish as publish_task


@flow(name="publish", flow_run_name="publish {workspace} {version}", persist_result=False)
def publish(
    workspace: str,
    version: str,
    address: str,
    private: bool = False,
    gated: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Publish WORKSPACE/releases/VERSION as `v2xum publish` does; returns the JSON value of what was done.

    `address`: OWNER/NAME of a dataset on the Hub, or an address of fsspec. The token is HF_TOKEN of the worker. Raises
    ConfigError, ReleaseRefused and NotPublished.
    """
    root = str(Workspace(Path(workspace)).require().root)
    done = publish_task(root, version, address, Wishes(private=private, gated=gated, overwrite=overwrite))
    return done.model_dump(mode="json")
