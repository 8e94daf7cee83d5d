"""One video by a trained checkpoint: the same answer as in the evaluation, as a record, pictures and a film."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import v2xum
from curation.frames.one_video import OneVideo
from curation.frames.sample import sample_frames
from curation.video.sandbox import Sandbox
from flows.cli.main import application
from models.summarizers.checkpoint import MARK, require_finished
from models.summarizers.predicted import Predicted
from schemas.configuration.loading import load_config
from schemas.configuration.train_config import TrainConfig
from schemas.marks import unescape_marks
from schemas.records import Publication, Video
from schemas.repository import DATA, ROOT
from tests.training.tiny_recipe import TinyPredicting
from training import recipe
from training import summarize as summarizing
from training.checkpoints import mark_finished
from training.examples import Example
from training.predict import Answer
from training.run import Hooks, Training, TrainRequest
from training.summarize import passages, summary_record

pytestmark = pytest.mark.slow
runner = CliRunner()


@pytest.fixture(autouse=True)
def tiny_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recipe._MODULES, "vtsum", "tests.training.tiny_recipe")


@pytest.fixture(scope="module")
def trained(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Training:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipe._MODULES, "vtsum", "tests.training.tiny_recipe")
        config = TrainConfig.model_validate(
            {
                "name": "tiny",
                "summarizer": {"kind": "vtsum"},
                "features": {"tower": {"engine": "transformers", "model": str(DATA / "demo" / "clip")}},
                "training": {"epochs": 1, "batch": 4, "learning_rate": 0.01},
            }
        )
        training = Training(TrainRequest(config=config, release=release, out=tmp_path_factory.mktemp("out")))
        training.make_features(Hooks())
        training.fit(Hooks())
    return training


def summarize(video: str, model: Path, out: Path, *more: str) -> tuple[int, str, str]:
    done = runner.invoke(application(), ["summarize", video, "--model", str(model), "--out", str(out), *more])
    return done.exit_code, done.stdout, done.stderr


def test_the_answer_is_that_of_the_evaluation(trained: Training, tmp_path: Path) -> None:
    example = trained.test[0]
    assert example.media is not None
    files = trained.predictions(trained.out / "model", Hooks())
    stated = {row["id"]: row for row in map(json.loads, files["vtsum"].read_text().splitlines())}[example.id]
    code, said, err = summarize(str(example.media), trained.out / "model", tmp_path / "out", "--json")
    assert code == 0, err
    record = json.loads(said)
    assert record == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [round(second) for second in record["keyframes"]] == stated["selected"]  # 1 frame a second
    assert record["scores"] == pytest.approx(stated["scores"], abs=1e-4)
    assert record["frames"] == example.frames and record["duration"] == pytest.approx(example.duration)
    with av.open(str(tmp_path / "out" / "summary.mp4")) as film:
        assert film.streams.video[0].codec_context.name == "h264"
        assert 0 < (film.duration or 0) / 1e6 <= example.duration
    assert (tmp_path / "out" / "contact_sheet.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "contact_sheet.jpg",
        "summary.json",
        "summary.mp4",
    ]


def test_python_gets_the_same_in_memory(trained: Training, tmp_path: Path) -> None:
    film = str(trained.test[0].media)
    code, said, err = summarize(film, trained.out / "model", tmp_path / "out", "--json")
    assert code == 0, err
    made, record = v2xum.summarize(film, model=trained.out / "model"), json.loads(said)
    assert list(made.keyframes) == record["keyframes"] and made.frames == record["frames"] and made.files == {}
    assert made.scores is not None and made.scores.tolist() == pytest.approx(record["scores"], abs=1e-6)
    assert made.sheet == (tmp_path / "out" / "contact_sheet.jpg").read_bytes() and made.film is not None
    assert "data:image/jpeg;base64," in made._repr_html_()
    sheet = made.contact_sheet()
    assert sheet is not None and sheet.mode == "RGB"


def test_pictures_of_an_earlier_call_do_not_stay_beside_another_answer(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("contact_sheet.jpg", "summary.mp4"):
        (tmp_path / name).write_bytes(b"of an earlier call")
    monkeypatch.setattr(TinyPredicting, "predict", lambda self, batch: [Predicted(None, (), "Nothing to see.")])
    code, said, err = summarize(str(trained.test[0].media), trained.out / "model", tmp_path)
    assert code == 0 and "0 keyframes" in said, err
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


@pytest.mark.parametrize(
    ("video", "told"),
    [("nowhere.mp4", "nowhere.mp4"), ("text.mp4", "text.mp4"), (".", "names"), ("ftp://a.b/c.mp4", "ftp")],
)
def test_what_is_no_video_is_told(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, video: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.mp4").write_text("no video")
    for name in ("one.mp4", "two.mp4"):
        shutil.copyfile(trained.test[0].media or "", name)
    code, _, err = summarize(video, trained.out / "model", tmp_path / "out")
    assert code == 2 and told in err and "Traceback" not in err


def test_an_unfinished_checkpoint_is_told(trained: Training, tmp_path: Path) -> None:
    model = shutil.copytree(trained.out / "model", tmp_path / "model")
    (model / "finished.json").unlink()
    code, _, err = summarize(str(trained.test[0].media), model, tmp_path / "out")
    assert code == 2 and "unfinished" in err


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_model_that_was_trained_on_a_gpu_summarizes_without_one(trained: Training, tmp_path: Path) -> None:
    model = shutil.copytree(trained.out / "model", tmp_path / "model")
    stated = json.loads((model / "summarizer.json").read_text())
    stated["config"]["features"]["tower"]["device"] = "cuda"
    (model / "summarizer.json").write_text(json.dumps(stated))
    (model / MARK).unlink()
    mark_finished(model, require_finished(trained.out / "model"))
    code, _, err = summarize(str(trained.test[0].media), model, tmp_path / "out")
    assert code == 0, err


def test_weights_that_changed_since_the_training_are_told(trained: Training, tmp_path: Path) -> None:
    model = shutil.copytree(trained.out / "model", tmp_path / "model")
    about = json.loads((model / "finished.json").read_text())
    (model / "finished.json").write_text(json.dumps({**about, "features": "another tower"}))
    code, _, err = summarize(str(trained.test[0].media), model, tmp_path / "out")
    assert code == 2 and "was trained on another tower" in err


LLM = {"model": str(DATA / "demo" / "summarizer")}
REAL: dict[str, dict[str, object]] = {
    "vtsum": {"hidden_size": 16, "heads": 2, "inner_size": 32, "share": 0.3, "text": {
        "layers": 1, "vocabulary": 300, "least_tokens": 2, "most_tokens": 8, "beams": 1}},
    "v2xum": {"language_model": {"width": 16, "layers": 1, "heads": 2, "vocabulary": 300}, "slots": 10,
        "answer_tokens": 24},
    "llmvs": {"model": LLM, "hidden_size": 32, "answer_tokens": 2, "window": 1},
}  # fmt: skip


@pytest.mark.parametrize("kind", REAL)
def test_every_kind_answers_as_in_its_evaluation(
    kind: str, trained: Training, release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recipe._MODULES, "vtsum", "training.vtsum")
    (tmp_path / "short.v1.md").write_text("Rate +0.\n{{ captions }}\nAnswer:")
    own = {"folder": str(tmp_path / "states"), "prompt": str(tmp_path / "short.v1.md")} if kind == "llmvs" else {}
    tower = {"tower": {"engine": "transformers", "model": str(DATA / "demo" / "clip")}}
    said = {
        "name": kind,
        "summarizer": {"kind": kind, **REAL[kind], **own},
        "features": {**tower, "folder": str(trained.out / "features")},
        "training": {"epochs": 1, "batch": 4},
    }
    training = Training(
        TrainRequest(config=TrainConfig.model_validate(said), release=release, out=tmp_path / "trained")
    )
    training.make_features(Hooks())
    model = training.fit(Hooks()).model
    files, one = training.predictions(model, Hooks()), training.test[0]
    stated = {row["id"]: row for row in map(json.loads, files[kind].read_text().splitlines())}[one.id]
    more: list[str] = []
    if kind == "llmvs":
        code, _, err = summarize(str(one.media), model, tmp_path / "out")
        assert code == 2 and "--captioner" in err
        monkeypatch.setattr(summarizing, "_captions", lambda *_: one.captions)
        more = ["--captioner", str(ROOT / "configs" / "demo.yaml")]
    code, answer, err = summarize(str(one.media), model, tmp_path / "out", "--json", *more)
    assert code == 0, err
    record = json.loads(answer)
    assert record["scores"] == pytest.approx(stated["scores"], abs=1e-4)
    assert [round(second) for second in record["keyframes"]] == stated.get("selected", [])
    assert (record["text"] or None) == (unescape_marks(stated["text"]) if "text" in stated else None)


def test_captions_are_written_by_the_configured_captioner(trained: Training, tmp_path: Path) -> None:
    config = load_config(ROOT / "configs" / "demo.yaml")
    one = trained.test[0]
    assert one.media is not None
    video = Video(
        **{"id": one.id, "sha256": one.video_sha256, "bytes": 1, "extension": "mp4", "container": "mp4"},
        **{"codec": "h264", "duration": None, "fps": None, "width": 64, "height": 64, "rotation": 0},
        has_audio=False,
        publication=Publication(),
    )
    with Sandbox() as sandbox:
        sampled = sample_frames(video, one.media, trained.release.sampling, tmp_path, sandbox)
    written = summarizing._captions(OneVideo(video, one.media, sampled, tmp_path), config)
    assert len(written) == one.frames and any(written)


def test_passages_are_the_keyframes_with_what_is_said_of_them() -> None:
    example = Example("a", "test", 10.0, np.arange(10.0), np.zeros((1, 10), np.float32))
    spoken = (((0,), "First."), ((4, 5), "Middle."), ((9,), "Last."))
    found = passages(Answer(example, Predicted(None, (0, 4, 5, 9), None, spoken)))
    assert [(each.start, each.end, each.text) for each in found] == [
        (0.0, 1.5, "First."),
        (3.5, 6.5, "Middle."),
        (8.5, 10.0, "Last."),
    ]
    assert passages(Answer(example, Predicted(None, ()))) == ()


def test_the_record_has_the_three_forms() -> None:
    example = Example("a", "test", 5.0, np.arange(10.0) / 2, np.zeros((1, 10), np.float32))
    scores = np.linspace(0, 1, 10, dtype=np.float32)
    spoken = (((0, 3), "First."), ((9,), "Last."))
    record = summary_record(Answer(example, Predicted(scores, (0, 3, 9), "First. Last.", spoken)), ["cut"])
    assert record["keyframes"] == [0.0, 1.5, 4.5] and record["text"] == "First. Last."
    assert record["interleaved"] == "[0.0][1.5]First. [4.5]Last." and record["defects"] == ["cut"]
    assert record["scores"] == pytest.approx(scores.tolist(), abs=1e-6)
