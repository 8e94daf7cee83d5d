"""A workspace at a notebook: counts, samples, videos, tables, pictures; in displays hostile texts are texts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import v2xum
from tests.v2xum.conftest import HOSTILE


@pytest.fixture
def workspace(root: Path) -> v2xum.Workspace:
    return v2xum.Workspace(root)


def test_it_says_what_the_ledger_says(workspace: v2xum.Workspace, root: Path) -> None:
    status = workspace.status()
    assert (status.videos, status.samples, status.rejected) == (4, 3, 1)
    assert workspace.samples().ids == ("v000", "v001", "v002")
    assert v2xum.Workspace(str(root)).path == root and str(root) in repr(workspace)
    assert workspace.config().name == "demo"


def test_a_sample_has_its_parts(workspace: v2xum.Workspace) -> None:
    sample = workspace.samples()["v002"]
    assert sample.title is None and sample.duration == pytest.approx(6.04)
    assert [(one.index, one.time) for one in sample.keyframes] == [(0, 0.0), (3, 1.5), (9, 4.5)]
    assert sample.keyframes[1].caption == "a red kite over a green hill"
    assert sample.interleaved.startswith("[0.0]A red kite over a green hill. [1.5]")
    assert sample.text in sample.record.summary.v2t
    assert sample.scores.support is None and sample.review.status == "unreviewed"
    assert sample.image(3).size == (64, 36) and sample.image(3).mode == "RGB"
    assert isinstance(sample.contact_sheet(), Image.Image) and sample.contact_sheet().width <= 640


def test_samples_are_a_sequence(workspace: v2xum.Workspace) -> None:
    samples = workspace.samples()
    assert len(samples) == 3 and samples[-1].id == "v002" and [one.id for one in samples] == list(samples.ids)
    assert [one.id for one in samples[:2]] == ["v000", "v001"] and len(samples[5:]) == 0
    with pytest.raises(IndexError):
        samples[3]
    with pytest.raises(KeyError, match=r"v009.*explain"):
        samples["v009"]
    with pytest.raises(v2xum.ConfigError, match=r"v000 has no frame 12: its 12 frames count from 0"):
        samples[0].image(12)


def test_tables_have_the_same_types_with_and_without_rows(workspace: v2xum.Workspace) -> None:
    samples, videos = workspace.to_pandas(), workspace.to_pandas("videos")
    assert list(samples["id"]) == ["v000", "v001", "v002"] and list(videos["id"]) == ["v000", "v001", "v002", "row-2"]
    assert samples["support"].isna().all() and samples["support"].dtype == "float64"
    assert samples["keyframe_seconds"][2] == [0.0, 1.5, 4.5] and samples["frames"].dtype == pd.Int64Dtype()
    assert samples["duration"].dtype == "float64" and samples["review"].dtype == "category"
    assert samples["title"].isna().tolist() == [False, False, True]
    bad = videos.set_index("id").loc["row-2"]
    assert (bad["state"], bad["stage"], bad["reason"]) == ("rejected", "source", "not_an_address")
    assert pd.isna(bad["worst_value"]) and pd.isna(bad["title"])
    for full, empty in ((samples, workspace.samples()[:0].to_pandas()), (videos, workspace.videos()[:0].to_pandas())):
        assert len(empty) == 0 and list(empty.columns) == list(full.columns)
        assert [str(kind) for kind in empty.dtypes] == [str(kind) for kind in full.dtypes]


def test_videos_say_why_they_are_out(workspace: v2xum.Workspace) -> None:
    videos = workspace.videos()
    assert videos[0].state == "sample" and videos[0].stage is None and videos[0].source == "v000.mp4"
    assert videos[-1].error_class == "permanent" and repr(videos) == "Videos(4: 3 sample, 1 rejected)"
    assert [one.id for one in workspace.videos(state="sample", sort="title")] == ["v001", "v000", "v002"]
    assert [one.id for one in workspace.videos(reason=["not_an_address"], stage="source")] == ["row-2"]
    for wrong in ({"state": "rejectd"}, {"reason": "not_an_adress"}, {"sort": "scores"}):
        with pytest.raises(v2xum.ConfigError, match="did you mean"):
            workspace.videos(**wrong)  # type: ignore[arg-type]


def test_explain_finds_one_video(workspace: v2xum.Workspace) -> None:
    assert workspace.explain("Harbour & hills").id == "v000"
    assert set(workspace.explain("v000").stages) >= {"download", "caption", "refine"}
    for wanted, told in (("v009", "names no video"), ("/srv", "names no video"), ("", "names no video")):
        with pytest.raises(v2xum.ConfigError, match=told):
            workspace.explain(wanted)


@pytest.mark.parametrize("wrong", ["nowhere", "", "file.txt"])
def test_what_is_no_workspace_is_told(tmp_path: Path, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").touch()
    with pytest.raises(v2xum.ConfigError, match=r"no workspace here|is a file|empty text"):
        v2xum.Workspace(wrong)


def test_a_picture_that_is_gone_with_its_video_is_told(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "w")
    shutil.rmtree(tmp_path / "w" / "store")
    sample = v2xum.Workspace(tmp_path / "w").samples()[0]
    with pytest.raises(v2xum.StageError):
        sample.image(0)
    assert sample.text  # what is in the ledger is there


def test_displays_show_hostile_texts_as_texts(workspace: v2xum.Workspace) -> None:
    samples = workspace.samples()
    shown = [samples["v001"], samples, workspace, workspace.videos(), samples["v002"]]
    pages = [each._repr_html_() for each in shown]
    for page in pages:
        assert "<script" not in page and "\u202e" not in page
    assert "&lt;script&gt;" in pages[0] and "data:image/jpeg;base64," in pages[0] and "[0:03]" in pages[0]
    assert "&lt;script&gt;" in pages[1] and "&lt;script&gt;" in pages[3]
    titles = workspace.to_pandas()["title"].dropna().tolist()  # without the mark of direction, which changes a terminal
    assert HOSTILE not in titles and HOSTILE.replace("\u202e", "") in titles
