"""The publishing flow: sends a release to the Hugging Face Hub or to a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from curation.release.publish.steps import Wishes
from curation.workspace import Workspace as WorkspaceFolder
from flows.shared.events import PUBLISHED, tell, tells_of_failure
from flows.shared.parameters import Text, Version, Workspace
from tasks.publish import publish as publish_task


@flow(name="publish", flow_run_name="publish {workspace} {version}", persist_result=False)
@tells_of_failure("publish")
def publish(
    workspace: Workspace,
    version: Version,
    address: Annotated[
        Text,
        Field(description="OWNER/NAME of a dataset on the Hugging Face Hub, or an address such as s3://bucket/films."),
    ],
    private: Annotated[bool, Field(description="Let only the owners of the new dataset see it.")] = False,
    gated: Annotated[
        bool, Field(description="Let only those load the new dataset who give their name and address first.")
    ] = False,
    overwrite: Annotated[
        bool, Field(description="Replace what somebody changed by hand since the last release.")
    ] = False,
) -> dict[str, Any]:
    """Publish WORKSPACE/releases/VERSION as `v2xum publish` does; returns the JSON value of what was done.

    `address`: OWNER/NAME of a dataset on the Hub, or an address of fsspec. The token is HF_TOKEN of the worker. Raises
    ConfigError, ReleaseRefused and NotPublished. Emits `PUBLISHED` when readers see another release than before.
    """
    root = str(WorkspaceFolder(Path(workspace)).require().root)
    done = publish_task(root, version, address, Wishes(private=private, gated=gated, overwrite=overwrite))
    if done.state == "published":
        tell(PUBLISHED, root, "publish", {"version": done.version, "files": done.files, "bytes": done.bytes})
    return done.model_dump(mode="json")
