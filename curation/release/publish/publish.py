"""Publishes a release of a workspace: checks it, lets its readers read it, and sends it to the Hub or to a store."""

from __future__ import annotations

from pydantic import ValidationError

from curation.frames.safety.blur import stated
from curation.release.publish.address import HubAddress, parse_address
from curation.release.publish.local import LocalRelease, local_release
from curation.release.publish.steps import Steps, Wishes
from curation.release.publish.storage import publish_to_storage
from curation.workspace import Workspace
from schemas.configuration.safety_config import BlurConfig
from schemas.documents.publication import Publication
from schemas.errors import ConfigError, ReleaseRefused


def publish_release(place: Workspace, version: str, address: str, wishes: Wishes, steps: Steps) -> Publication:
    """Publish the release `version` of a workspace to `address`. Nothing is sent before the release is found whole.

    Raises ConfigError, ReleaseRefused (the release is damaged, or a reader cannot read it), NotPublished, Interrupted.
    """
    target = parse_address(address)
    steps.report(f"checking the release {version}")
    release = local_release(place, version)
    _raise_if_clearer(release, _policy(place))

    def check_readers() -> None:
        """Let the programs that people use read the release. Raises ReleaseRefused when one cannot."""
        from curation.release.consumers.check import check_consumers

        steps.report("reading the release with the programs that people use")
        found = check_consumers(release.folder, raise_if_stopped=steps.raise_if_stopped)
        for each in found.consumers:
            if each.way_out is not None:
                steps.report(f"{each.name} is not installed, so nothing is known of it: {each.way_out}")
        if not found.sound:
            raise ReleaseRefused(
                f"{release.folder} cannot be read by everybody, and nothing was sent: {'; '.join(found.problems[:3])}. "
                f"`v2xum check {release.folder}` names all; mend the cause, and release a higher version"
            )

    if isinstance(target, HubAddress):
        from curation.release.hub.client import HubRepository  # the Hub's library is slow to import
        from curation.release.hub.publish import publish_to_hub

        return publish_to_hub(HubRepository(target.repository, steps), release, wishes, check_readers)
    return publish_to_storage(target, release, wishes, steps, check_readers)


def _policy(place: Workspace) -> BlurConfig:
    """What the workspace's last run blurs. Of its configuration this alone is read: it may be another version's."""
    export = place.saved_config().get("export")
    said = export.get("blur") if isinstance(export, dict) else None
    try:
        return BlurConfig.model_validate(said or {})
    except ValidationError as error:
        raise ConfigError(
            f"{place.root}: its configuration's export.blur is not one of this version: publish with the version that "
            f"made it, or `v2xum curate` again ({error.error_count()} faults)"
        ) from error


def _raise_if_clearer(release: LocalRelease, policy: BlurConfig) -> None:
    """Raise ReleaseRefused when pictures of the release are clear that the workspace's configuration blurs now."""
    has, wanted = release.manifest.blur, stated(policy)
    if release.manifest.images and wanted is not None and not wanted.is_kept_by(has):
        raise ReleaseRefused(
            f"release {release.version} blurs less than export.blur says now, and nothing was sent: "
            f"{has.words if has is not None else 'nothing'}; wanted: {wanted.words}. Release a higher version, or "
            "`v2xum curate` with the earlier policy"
        )
