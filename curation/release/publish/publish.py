"""Publishes a release of a workspace: checks it, lets its readers read it, and sends it to the Hub or to a store."""

from __future__ import annotations

from curation.release.publish.address import HubAddress, parse_address
from curation.release.publish.local import local_release
from curation.release.publish.steps import Steps, Wishes
from curation.release.publish.storage import publish_to_storage
from curation.workspace import Workspace
from schemas.documents.publication import Publication


def publish_release(place: Workspace, version: str, address: str, wishes: Wishes, steps: Steps) -> Publication:
    """Publish the release `version` of a workspace to `address`. Nothing is sent before the release is found whole.

    Raises ConfigError, ReleaseRefused (the release is damaged, or a reader cannot read it), NotPublished, Interrupted.
    """
    target = parse_address(address)
    steps.report(f"checking the release {version}")
    release = local_release(place, version)
    if isinstance(target, HubAddress):
        from curation.release.hub.client import HubRepository  # the Hub's library is slow to import
        from curation.release.hub.publish import publish_to_hub

        return publish_to_hub(HubRepository(target.repository, steps), release, wishes)
    return publish_to_storage(target, release, wishes, steps)
