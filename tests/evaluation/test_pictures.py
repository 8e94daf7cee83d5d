"""Pictures of frames from a folder and from a workspace, and their way to the cross-modal metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curation.pipeline.process import process
from curation.pipeline.services import open_services
from curation.pipeline.stage_functions import stage_function
from curation.video.encode import encode_video
from curation.workspace import Workspace
from demo.render import frames
from demo.world import make_script
from evaluation.cases import Prediction, Reference
from evaluation.pictures import FolderPictures, FramePictures, WorkspacePictures, with_pictures
from evaluation.request import EvaluateRequest, evaluate_here
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
from schemas.records import Origin, Source
from schemas.repository import ROOT
from tests.curation.scripted_stages import Tally
from tests.evaluation.datasets import right, scripts, write_predictions, write_references


def test_a_folder_gives_what_is_asked_and_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "v-1").mkdir(parents=True)
    for name in ("000003.jpg", "4.png", "x.jpg", "5.txt", "\u0663.jpg"):
        (tmp_path / "pictures" / "v-1" / name).write_bytes(name.encode())
    (tmp_path / "6.jpg").write_bytes(b"outside")
    pictures = FolderPictures(tmp_path / "pictures")
    assert pictures.read("v-1", range(9)) == {3: b"000003.jpg", 4: b"4.png"}
    assert pictures.read("v-1", [4]) == {4: b"4.png"}
    assert pictures.read("..", range(9)) == pictures.read("/etc", range(9)) == pictures.read("v-2", [1]) == {}
    with pytest.raises(ConfigError, match=r"ID/000012\.jpg"):
        FolderPictures(tmp_path / "gone")


def test_pictures_of_all_chosen_frames_are_asked_for_and_known_ones_stay() -> None:
    class Asked(FramePictures):
        def read(self, video: str, frames: object) -> dict[int, bytes]:
            self.asked = (video, list(frames))  # type: ignore[call-overload]
            return dict.fromkeys(self.asked[1], b"new")

    chosen = np.array([[1, 0, 0, 1, 0], [0, 0, 0, 1, 0]], bool)
    reference = Reference("v", 5, selections=chosen, pictures={3: b"old"})
    prediction = Prediction("v", selected=np.array([0, 0, 0, 0, 1], bool))
    asked = Asked()
    assert with_pictures(reference, prediction.selected, asked).pictures == {0: b"new", 3: b"old", 4: b"new"}
    assert asked.asked == ("v", [0, 4])
    assert with_pictures(reference, prediction.selected, FramePictures()) is reference


@pytest.mark.slow
def test_a_workspace_decodes_what_it_did_not_keep_and_feeds_the_cross_modal_metrics(tmp_path: Path) -> None:
    script = scripts(1)["v00"]
    encode_video(tmp_path / "v00.mp4", frames(script, 4), fps=4, options={"preset": "ultrafast"})
    place = Workspace(tmp_path / "workspace")
    config = load_config(ROOT / "configs" / "demo.yaml", ["frames.keep=none"])
    place.root.mkdir()
    source = Source(id="v00", kind="file", uri=str(tmp_path / "v00.mp4"), origin=Origin(list_name="l", row=1))
    with open_services(place, config) as services:
        ids = services.ledger.register([source])
        place.save_config(config)
        for stage in ("download", "filter", "frames"):
            process(
                stage,
                ids,
                ledger=services.ledger,
                hashes=services.hashes,
                work=stage_function(services, stage),
                progress=Tally(),
                stop=services.stop,
            )
        pictures = WorkspacePictures(services)
        found = pictures.read("v00", [0, 5, 10_000])
        assert set(found) == {0, 5} and all(data.startswith(b"\xff\xd8") for data in found.values())
        assert pictures.read("nobody", [0]) == {}
        services.ledger.close()
    references = write_references(tmp_path / "references.json", 1)
    predictions = write_predictions(tmp_path / "p.jsonl", [right("v00", make_script(script.seed, script.duration))])
    request = EvaluateRequest(
        predictions=(str(predictions),),
        references=(references,),
        out=tmp_path / "out",
        text=False,
        clip=str(ROOT / "data" / "demo" / "clip"),
        pictures=place.root,
    )
    evaluated, _ = evaluate_here(request)
    metrics = {metric.name: metric for metric in evaluated.evaluation.systems[0].metrics}
    assert metrics["f_clip"].value == pytest.approx(1, abs=1e-5)
    assert metrics["cross_f_clip"].value is not None and metrics["vt_clipscore"].value is not None
    script = make_script(90_000_000, 40)
    scores = [float(frame in script.keyframes) for frame in range(script.duration)]
    scored = write_predictions(tmp_path / "s.jsonl", [{"id": "v00", "scores": scores}])
    made, _ = evaluate_here(request.model_copy(update={"predictions": (str(scored),)}))
    [f_clip] = [metric for metric in made.evaluation.systems[0].metrics if metric.name == "f_clip"]
    assert f_clip.value is not None, "the frames of a summary made of scores have pictures too"
    raw, _ = evaluate_here(request.model_copy(update={"protocol": "instruct-v2xum+raw-vt"}))
    made = raw.evaluation.provenance
    assert (made.protocol, made.choices["clip_vt_frames"]) == ("instruct-v2xum+raw-vt", "raw")
    assert evaluated.evaluation.provenance.choices["clip_vt_frames"] == "unit"
    without, _ = evaluate_here(request.model_copy(update={"pictures": None}))
    assert "no picture of a frame" in str(without.evaluation.systems[0].metrics)
