"""The local site, the store and the children that the tests of downloads share."""

from __future__ import annotations

import gc

import pytest

from curation.download.fetch import fetch
from curation.store.store import Store
from curation.video.probe import probe
from curation.video.sandbox import Limits
from curation.video.sandboxes import Sandboxes
from tests.curation.download.requests import ALL, config, source
from tests.curation.hostile import load_yt_dlp
from tests.curation.servers import VideoServer


@pytest.fixture(scope="module", autouse=True)
def _collected_here():
    yield
    gc.collect()


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return tmp_path_factory.mktemp("films")


@pytest.fixture
def site(films):
    with VideoServer(films) as server:
        yield server


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "work" / "store")


@pytest.fixture(scope="module")
def children():
    """The children that this module's downloads share."""
    with Sandboxes() as made:
        made.run(load_yt_dlp, limits=Limits(60))
        yield made


@pytest.fixture
def get(children):
    def run(uri, store, filters=ALL, hosts=None, progress=None, children=children, **changes):
        tools = {"probe": probe, "children": children, "hosts": hosts, "progress": progress}
        return fetch(source(uri), config(**changes), filters, store, **tools)

    return run
