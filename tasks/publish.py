"""The Prefect task that publishes a release."""

from __future__ import annotations

from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from curation.release.publish.publish import publish_release
from curation.release.publish.steps import Steps, Wishes
from curation.workspace import Workspace
from schemas.documents.publication import Publication


@task(name="publish", cache_policy=NO_CACHE, persist_result=False)
def publish(workspace: str, version: str, address: str, wishes: Wishes) -> Publication:
    """Publish WORKSPACE/releases/VERSION with the environment's token, which no parameter holds. Raises as its work."""
    steps = Steps(get_run_logger().info)
    return publish_release(Workspace(Path(workspace)), version, address, wishes, steps)
