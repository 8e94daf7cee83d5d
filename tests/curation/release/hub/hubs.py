"""Releases to publish, a stand-in Hub to publish them to, and publications in processes that may be killed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from curation.release.publish.local import LocalRelease
from curation.release.publish.steps import Steps, Wishes
from curation.workspace import Workspace
from demo.hub.accounts import WRITE_TOKEN
from demo.hub.repository import Entry, Repository
from demo.hub.server import Hub
from schemas.documents.publication import Publication
from schemas.release import FormatChoice
from tests.curation.finished import finished
from tests.curation.release.releases import change, release
from tests.curation.samples import make_sample

NAME = "me/films"
NO_WISHES = Wishes()


class Hasty(Steps):
    """Steps that do not wait between two tries; `said` are their sentences."""

    def __init__(self) -> None:
        self.said: list[str] = []
        super().__init__(self.said.append)

    def wait(self, seconds: float) -> None:
        self.raise_if_stopped()


def make_releases(root: Path) -> Workspace:
    """A workspace with the releases 0.1.0, and 0.2.0 with everything that may be in a release (`change`, formats)."""
    made = [make_sample(f"v{number:03d}") for number in range(8)]
    with finished(root, made, "frames.keep=all", "export.title=Films", "export.licence=cc-by-4.0") as (place, services):
        release(place, services, "0.1.0")
        change(place, services, made)
        release(place, services, "0.2.0", formats=FormatChoice(names=("llamafactory", "trl")))
    return Workspace(root)


def publish(
    hub: Hub,
    release: LocalRelease,
    wishes: Wishes = NO_WISHES,
    *,
    token: str = WRITE_TOKEN,
    name: str = NAME,
    steps: Steps | None = None,
) -> Publication:
    """Publish to a stand-in Hub from this process."""
    from curation.release.hub.client import HubRepository
    from curation.release.hub.publish import publish_to_hub

    return publish_to_hub(HubRepository(name, steps or Hasty(), endpoint=hub.url, token=token), release, wishes)


def shown(repository: Repository) -> dict[str, str]:
    """The files of `main` and their SHA-256, without the Hub's own."""
    return hashes(repository.find("main").tree)


def hashes(tree: Mapping[str, Entry]) -> dict[str, str]:
    """Path and SHA-256 of the files of a tree, without the Hub's own."""
    return {path: entry.sha256 for path, entry in tree.items() if path != ".gitattributes"}


def stated(release: LocalRelease) -> dict[str, str]:
    """Path and SHA-256 of the files of a release."""
    return {path: file.sha256 for path, file in release.files.items()}
