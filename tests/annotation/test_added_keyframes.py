"""Export of samples with an added keyframe whose picture can no longer be decoded."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.dataset.export import export_workspace
from curation.frames.files import frame_name, frames_key
from curation.ledger.samples import sample
from curation.pipeline.services import Services
from curation.review.verdict_store import Reviews
from curation.status.counts import summarize
from curation.status.explain import explain
from curation.workspace import Workspace
from schemas.records import Sample
from schemas.review import AddedKeyframe
from schemas.time import FrameIndex
from tests.annotation.workspaces import Film, make_workspace, services_of
from tests.curation.people import verdict


def exported(place: Workspace) -> dict[str, dict[str, Any]]:
    shards = sorted((place.export / "data").glob("*.parquet"))
    return {row["id"]: row for shard in shards for row in pq.read_table(shard).to_pylist()}


@pytest.mark.slow
def test_the_sample_is_a_rejection_with_a_reason_and_comes_back_whole(tmp_path: Path) -> None:
    """Without the added keyframe the published sample would have half of a verdict, and nobody would notice."""
    films = [Film(f"film-{n}", {0: "First.", 2: "Third."}, seconds=5, seed=n) for n in range(2)]
    place = make_workspace(tmp_path / "w", films)
    with services_of(place) as services, closing(services.ledger):
        made = sample(services.ledger, "film-0")
        services.pictures.thin(made.video, made.extract.keyframes)
        added = (AddedKeyframe(index=3, time=3.0, caption="What was missed."),)
        Reviews(services.ledger).store([verdict(made, "fix", added=added)])
        video = services.store.path("videos", made.video.sha256, made.video.extension)
        video.rename(tmp_path / "away")
        assert export_workspace(place, services).samples == 1
        assert list(exported(place)) == ["film-1"]
        (line,) = (place.export / "rejections.jsonl").read_text(encoding="utf-8").splitlines()
        rejection = json.loads(line)
        assert (rejection["id"], rejection["stage"], rejection["reason"]) == ("film-0", "export", "file_missing")
        counts = summarize(services.view)
        assert (counts.samples, counts.retryable, counts.rejected) == (1, 1, 0)
        assert explain(services.view, "film-0").verdicts[0]["decision"] == "fix"
        (tmp_path / "away").rename(video)
        assert export_workspace(place, services).samples == 2
        row = exported(place)["film-0"]
        assert row["review"]["keyframes_added"] == [3]
        keyframes = {one["index"]: one for one in row["keyframes"]}
        assert keyframes[3]["caption"] == "What was missed." and keyframes[3]["image"]["bytes"][:2] == b"\xff\xd8"
        assert kept(services, made) == {0, 2, 3}, "the others, which were drawn with it, are gone again"


def kept(services: Services, made: Sample) -> set[int]:
    """The frames whose pictures are in the store."""
    folder = services.store.frames(frames_key(made.video.sha256, services.config.frames))
    return {index for index in range(len(made.frames.frames)) if (folder / frame_name(FrameIndex(index))).is_file()}


@pytest.mark.slow
def test_an_export_leaves_no_picture_that_is_not_to_be_kept(tmp_path: Path) -> None:
    place = make_workspace(tmp_path / "w", [Film(f"film-{n}", {0: "First.", 2: "Third."}, seed=n) for n in range(2)])
    config = place.config()
    frames = config.frames.model_copy(update={"keep": "none"})
    config = config.model_copy(update={"frames": frames})
    with closing(place.ledger()) as ledger, Services(config, ledger, place.store()) as services:
        films = [sample(ledger, f"film-{n}") for n in range(2)]
        assert export_workspace(place, services).samples == 2
        assert [kept(services, one) for one in films] == [set(), set()]


@pytest.mark.slow
def test_another_verdict_gives_a_refused_sample_another_chance(tmp_path: Path) -> None:
    place = make_workspace(tmp_path / "w", [Film("film-0", {0: "First.", 2: "Third."}, seconds=5)])
    with services_of(place) as services, closing(services.ledger):
        made = sample(services.ledger, "film-0")
        services.pictures.thin(made.video, made.extract.keyframes)
        added = (AddedKeyframe(index=3, time=3.0, caption="What was missed."),)
        reviews = Reviews(services.ledger)
        first = verdict(made, "fix", added=added)
        reviews.store([first])
        services.store.path("videos", made.video.sha256, made.video.extension).rename(tmp_path / "away")
        assert export_workspace(place, services).samples == 0
        assert reviews.store([first]) == 0  # the verdict is not new: the sample stays refused
        assert summarize(services.view).retryable == 1
        reviews.store([first.model_copy(update={"updated_at": "2030-01-01T00:00:00Z", "added": ()})])
        assert export_workspace(place, services).samples == 1
        assert exported(place)["film-0"]["review"]["keyframes_added"] in (None, [])
