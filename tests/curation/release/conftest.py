"""Two releases of one workspace, which tests only read."""

from __future__ import annotations

import pytest

from curation.release.publish.local import LocalRelease, local_release
from curation.workspace import Workspace
from tests.curation.release.hub.hubs import make_releases
from tests.once import once


@pytest.fixture(scope="session")
def two_releases(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with the releases 0.1.0 and 0.2.0."""
    return Workspace(once(tmp_path_factory, "two-releases", lambda folder: make_releases(folder / "w")) / "w")


@pytest.fixture(scope="session")
def first(two_releases: Workspace) -> LocalRelease:
    return local_release(two_releases, "0.1.0")


@pytest.fixture(scope="session")
def second(two_releases: Workspace) -> LocalRelease:
    return local_release(two_releases, "0.2.0")
