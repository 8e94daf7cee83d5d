"""A workspace with finished samples, two releases, texts that mean harm, and a list row that names no video."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.pipeline.services import open_services
from curation.workspace import Workspace
from schemas.records import Rejection
from tests.curation.finished import finished
from tests.curation.release.hub.hubs import make_releases
from tests.curation.samples import make_sample
from tests.once import once

HOSTILE = "<script>alert(1)</script>\u202e & films"
BAD_ROW = Rejection(
    id="row-2", stage="source", error_class="permanent", reason="not_an_address", evidence=f"list.csv row 2: {HOSTILE}"
)


def _make(folder: Path) -> None:
    hostile = make_sample("v001", title=HOSTILE, captions=(HOSTILE,), sentences=(HOSTILE, "It leaves.", HOSTILE))
    samples = [make_sample("v000"), hostile, make_sample("v002", fps=2.0, title=None)]
    with finished(folder / "w", samples, "frames.keep=all"):
        pass
    place = Workspace(folder / "w")
    with open_services(place) as services:
        services.ledger.register([BAD_ROW])


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the workspace; tests only read it."""
    return once(tmp_path_factory, "api-workspace", _make) / "w"


@pytest.fixture(scope="session")
def released_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the releases 0.1.0 and 0.2.0; tests only read it."""
    return once(tmp_path_factory, "two-releases", lambda folder: make_releases(folder / "w")) / "w"
