"""One real Label Studio server for all tests of a session, and a real browser."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from annotation.label_studio.access import Access, write_access
from annotation.label_studio.server import Running, serving
from curation.workspace import Workspace
from schemas.local_process import free_port
from tests.annotation.workspaces import Film, make_workspace
from tests.flows.conftest import server as server  # the Prefect server

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def server_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace for which the server is started; all other workspaces use its media folder."""
    return tmp_path_factory.mktemp("label-studio")


@pytest.fixture(scope="session")
def label_studio(server_root: Path) -> Iterator[Running]:
    for name in ("V2XUM_LABEL_STUDIO_URL", "V2XUM_LABEL_STUDIO_TOKEN", "V2XUM_LABEL_STUDIO_POSTGRES"):
        os.environ.pop(name, None)
    with serving(server_root, free_port(), print) as running:
        yield running


@pytest.fixture
def access(label_studio: Running) -> Access:
    return label_studio.access


@pytest.fixture
def title() -> str:
    """A project's name that no other test uses."""
    return f"test {uuid.uuid4().hex[:12]}"


@pytest.fixture
def workspace(tmp_path: Path, server_root: Path, label_studio: Running) -> Callable[[list[Film]], Workspace]:
    """Makes a workspace whose media the session's server can read."""

    def make(films: list[Film], name: str = "films") -> Workspace:
        place = make_workspace(tmp_path / name, films, name)
        review = place.root / "review"
        review.mkdir(mode=0o700)
        (review / "files").symlink_to(server_root / "review" / "files")
        write_access(place.root, label_studio.access)
        return place

    return make
