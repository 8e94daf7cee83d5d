"""Exports of samples whose files the store lost for good: nothing that is published disappears for that."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from curation.dataset.export import export_workspace
from curation.ledger.samples import sample
from curation.pipeline.services import Services
from curation.status.counts import summarize
from curation.workspace import Workspace
from schemas.errors import FilesGone
from schemas.records import Source
from tests.annotation.workspaces import ORIGIN, Film, make_workspace, services_of, write_sample
from tests.curation import barcode
from tests.curation.samples import contents

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """Two finished samples, whose sources do not exist."""
    films = [Film(f"film-{n}", {0: "First.", 2: "Third."}, seconds=5, seed=n) for n in range(2)]
    return make_workspace(tmp_path / "w", films)


def lose(services: Services, name: str, away: Path) -> None:
    """Take the video and the pictures of a sample out of the store."""
    video = sample(services.ledger, name).video
    services.store.path("videos", video.sha256, video.extension).rename(away)
    shutil.rmtree(services.store.root / "frames")


def test_an_export_does_not_shrink_and_is_whole_again_with_the_file(place: Workspace, tmp_path: Path) -> None:
    with services_of(place) as services, closing(services.ledger):
        assert export_workspace(place, services).samples == 2
        before = contents(place.export)
        lose(services, "film-0", tmp_path / "away")
        (place.export / "README.md").unlink()  # a reason to write it anew
        before.pop("README.md")
        with pytest.raises(FilesGone, match=r"lose 1 of its samples.*film-0.*gone from the store.*curate"):
            export_workspace(place, services)
        assert contents(place.export) == before
        assert summarize(services.view).samples == 2, "nothing is wrong with the sample"
    with services_of(place) as services, closing(services.ledger):
        video = sample(services.ledger, "film-0").video
        (tmp_path / "away").rename(services.store.path("videos", video.sha256, video.extension))
        assert export_workspace(place, services).samples == 2
        assert {name: data for name, data in contents(place.export).items() if name != "README.md"} == before


def test_what_the_user_allows_to_go_is_a_rejection_until_its_file_is_back(place: Workspace, tmp_path: Path) -> None:
    with services_of(place) as services, closing(services.ledger):
        assert export_workspace(place, services).samples == 2
        lose(services, "film-0", tmp_path / "away")
        shutil.rmtree(place.export)
        assert export_workspace(place, services, allow_fewer=True).samples == 1
        (line,) = (place.export / "rejections.jsonl").read_text(encoding="utf-8").splitlines()
        rejection = json.loads(line)
        found = [rejection[key] for key in ("id", "stage", "error_class", "reason")]
        assert found == ["film-0", "export", "transient", "file_missing"]
        counts = summarize(services.view)
        assert (counts.samples, counts.retryable, counts.rejected) == (1, 1, 0)
        assert counts.reasons == {"export: file_missing": 1}
    with services_of(place) as services, closing(services.ledger):
        video = sample(services.ledger, "film-0").video
        (tmp_path / "away").rename(services.store.path("videos", video.sha256, video.extension))
        assert export_workspace(place, services).samples == 2


def test_a_source_that_gives_other_bytes_makes_its_video_due_again(place: Workspace, tmp_path: Path) -> None:
    other = barcode.make(tmp_path / "other.mp4", barcode.steady(10, 5)).path
    with services_of(place) as services, closing(services.ledger):
        services.ledger.register([Source(id="film-0", kind="file", uri=str(other), origin=ORIGIN)])
        write_sample(services, Film("film-0", {0: "First.", 2: "Third."}, seconds=5, seed=0))
        lose(services, "film-0", tmp_path / "away")
        assert export_workspace(place, services).samples == 1
        (rejection,) = map(json.loads, (place.export / "rejections.jsonl").read_text(encoding="utf-8").splitlines())
        assert (rejection["id"], rejection["reason"]) == ("film-0", "file_missing")
        assert "made anew" in rejection["evidence"]
        counts = summarize(services.view)
        assert (counts.samples, counts.pending, counts.rejected, counts.retryable) == (1, 1, 0, 0)
        assert export_workspace(place, services).samples == 1
