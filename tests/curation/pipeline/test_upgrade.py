"""A workspace of version 0.1 is opened as it is: nothing is due, the export's rows say the same, and so it stays.

`data/workspace-0.1.tar.xz` was made by version 0.1: two finished films, one that is not a video, one that is too short,
with limits that differ from the defaults. The films themselves are gone.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.dataset.check import validate
from curation.dataset.export import export_workspace, is_exported
from curation.pipeline.open import open_view
from curation.pipeline.run import open_run
from curation.pipeline.services import open_services
from curation.pipeline.upgrade import PROPERTY, VERSION
from curation.status.counts import summarize
from curation.status.standings import Standings
from curation.workspace import Workspace
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.documents.status import WorkspaceStatus
from schemas.repository import ROOT

ARCHIVE = Path(__file__).parent / "data" / "workspace-0.1.tar.xz"
FINISHED = {"samples": 2, "rejected": 2, "pending": 0, "retryable": 0}


@pytest.fixture
def opened_now(tmp_path: Path) -> Workspace:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "workspace", filter="data")
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def place(opened_now: Workspace, stages_of_0_1: None) -> Workspace:
    """The workspace, for a program whose stages make the same as those of version 0.1."""
    return opened_now


def test_summaries_are_due_again_and_nothing_before_them(opened_now: Workspace) -> None:
    """Replies are checked for echoes now, and a picture is offered once: older summaries may hold faults."""
    for _ in range(2):
        with open_view(opened_now) as view:
            status = summarize(view)
        assert {name: stage.due for name, stage in status.stages.items() if stage.due} == {"extract": 2}
        assert status.reasons == {"download: not_a_video": 1, "filter: too_short": 1}


def states(status: WorkspaceStatus) -> dict[str, int]:
    return {name: getattr(status, name) for name in FINISHED}


def configured(place: Workspace, *overrides: str) -> CurateConfig:
    # Two paths of the machine that made the archive; no result depends on where these lie.
    here = ("sources=[]", f"binding.canary_pictures={ROOT / 'data' / 'demo' / 'canaries'}")
    return load_config(place.root / "config.json", (*here, *overrides))


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    shards = sorted((folder / "data").glob("*.parquet"))
    return {row["id"]: row for shard in shards for row in pq.read_table(shard).to_pylist()}


def test_nothing_is_due_and_the_reasons_are_the_same(place: Workspace) -> None:
    for _ in range(2):  # the second time there is nothing to take over
        with open_view(place) as view:
            assert view.ledger.property(PROPERTY) == VERSION
            status = summarize(view)
        assert states(status) == FINISHED
        assert all(stage.due == 0 for stage in status.stages.values())
        assert status.reasons == {"download: not_a_video": 1, "filter: too_short": 1}


@pytest.mark.slow
def test_the_export_is_written_once_in_the_schema_of_today_and_its_rows_say_the_same(place: Workspace) -> None:
    before = rows(place.export)
    with open_services(place) as services:
        assert not is_exported(place, services)
        export_workspace(place, services)
        assert is_exported(place, services)
    after = rows(place.export)
    assert validate(place.export) == []
    assert after.keys() == before.keys() and len(after) == FINISHED["samples"]
    for name, row in after.items():
        old = before[name]
        old["file"] = old.pop("video")
        assert row.keys() - old.keys() == {"filters"}
        assert {key for key, value in old.items() if row[key] != value} == {"schema_version", "scores"}
        values = [(one["name"], json.dumps(_value(one))) for one in row["filters"]]
        assert values == [(one["name"], one["value"]) for one in old["scores"]]


def _value(score: dict[str, Any]) -> Any:
    return next((score[kind] for kind in ("number", "text", "flag") if score[kind] is not None), None)


@pytest.mark.parametrize(
    "override",
    [
        "download.max_megabytes=2000",
        "download.schemes=[http, https]",
        "download.allow_private_addresses=false",
        "download.wall_seconds=60",
        "frames.max_frames=9000",
        "frames.cross_check=7",
        "frames.memory_megabytes=1000",
        "frames.keep=all",
        "caption.max_failed=0.5",
        "run.shard_size=3",
        "export.images=false",
    ],
)
def test_a_limit_makes_no_finished_video_due_and_the_source_may_be_gone(place: Workspace, override: str) -> None:
    with open_run(place.root, configured(place, override)) as run:
        view = run.services.view
        stands = {video.source.id: video.where.state for video in Standings(view).walk()}
        finished = [video_id for video_id, state in stands.items() if state == "sample"]
        assert len(finished) == FINISHED["samples"]
        assert run.due(finished) == []
        assert "rejected" not in {stands[video_id] for video_id in finished}


@pytest.mark.parametrize(("override", "due"), [("extract.max_tokens=99", "extract"), ("frames.fps=2", "frames")])
def test_what_changes_a_result_still_makes_it_due(place: Workspace, override: str, due: str) -> None:
    with open_run(place.root, configured(place, override)) as run:
        stages = {video.where.stage for video in Standings(run.services.view).walk() if video.where.stage is not None}
    assert stages == {due}


def test_the_text_of_a_prompt_counts_and_not_its_folder(place: Workspace, tmp_path: Path) -> None:
    from prompts import FOLDER

    copied = tmp_path / "elsewhere" / "caption-tiny.v1.md"
    copied.parent.mkdir()
    copied.write_bytes((FOLDER / copied.name).read_bytes())
    config = configured(place, f"caption.prompt={copied}")
    with open_run(place.root, config) as run:
        assert states(summarize(run.services.view)) == FINISHED
    copied.write_text(copied.read_text() + "\nBe brief.")
    with open_run(place.root, config) as run:
        assert summarize(run.services.view).stages["caption"].due == FINISHED["samples"]


def test_without_its_configuration_results_are_made_anew_and_a_warning_says_so(
    place: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    config = configured(place, "download.max_megabytes=1")
    (place.root / "config.json").unlink()
    with open_services(place, config) as services:
        assert summarize(services.view).pending == 4
    assert "cannot be taken over" in caplog.text


def test_no_model_is_looked_at_when_a_run_has_noted_it(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_run(place.root, place.config()):
        pass

    def never(_models: object) -> None:
        raise AssertionError("weights were hashed")

    monkeypatch.setattr("curation.pipeline.identities.identify_models", never)
    with open_view(place) as view:
        assert states(summarize(view)) == FINISHED
