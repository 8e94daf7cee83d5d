"""One release of real films, which the tests of training share and only read."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.release.formats.media import fill_media
from demo.site import serve
from tests.curation.release.reconstruct.filmed import film, filmed
from tests.curation.release.releases import release as make_release
from tests.once import once

FILMS, SECONDS = 8, 8
SHARES = ("export.splits.train=0.5", "export.splits.validation=0.25", "export.splits.test=0.25")


def _make(folder: Path) -> None:
    site = folder / "site"
    site.mkdir()
    paths = {f"film{number}": film(site / f"film{number}.mp4", number, SECONDS).path for number in range(FILMS)}
    with serve(site) as base, filmed(folder, paths, base, *SHARES) as (place, services):
        for path in paths.values():
            services.store.add("videos", path, "mp4", move=False)
        make_release(place, services)
        fill_media(place.store(), place.root / "releases" / "0.1.0", folder / "media")


@pytest.fixture(scope="session")
def films_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with `w` (a workspace with the release 0.1.0) and `media` (its videos)."""
    return once(tmp_path_factory, "training-films", _make)


@pytest.fixture(scope="session")
def release(films_folder: Path) -> Path:
    return films_folder / "w" / "releases" / "0.1.0"


@pytest.fixture(scope="session")
def media(films_folder: Path) -> Path:
    return films_folder / "media"
