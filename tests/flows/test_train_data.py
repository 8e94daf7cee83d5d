"""Trainings on VideoXum, TVSum and SumMe: labels, keyframes, splits and grids against what the annotators said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from evaluation.cases import FullLength, Reference
from evaluation.metrics.selection import expand, shot_summary, top_share
from evaluation.protocols import get
from evaluation.readers.any import read_references
from evaluation.readers.predictions import read_predictions
from flows.cli.main import application
from flows.train_data import SEED, _example, _Video, read_files, which_videos
from models.summarizers.predicted import Predicted
from schemas.configuration.loading import load_train_config
from schemas.configuration.model_config import NgramEmbedder
from schemas.errors import ConfigError
from schemas.repository import DATA
from tests.evaluation.datasets import write_eccv16, write_tvsum_tsv
from tests.evaluation.readers.test_summe import annotation
from tests.runs import run_flow
from tests.training.conftest import films_folder as films_folder
from tests.training.conftest import media as media
from tests.training.conftest import release as release
from training.examples import Example, read_release
from training.frame_items import mean_labels
from training.predict import Answer, write_predictions
from training.run import TrainRequest

SECONDS = 8
IDS = [f"film{number}" for number in range(6)]  # of the shared release, whose films last 8 s
runner = CliRunner()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("config")
    small = {"hidden_size": 16, "heads": 2, "inner_size": 32, "text": None}
    said: dict[str, Any] = {
        "name": "small",
        "summarizer": {"kind": "vtsum", **small},
        "features": {
            "tower": {"engine": "transformers", "model": str(DATA / "demo" / "clip")},
            "folder": str(folder / "features"),
        },
        "training": {"epochs": 2, "batch": 2},
        "evaluation": {"text": False},
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(said))
    return folder / "small.yaml"


def request(config: Path, *files: Path, media: Path | None, sets: tuple[str, ...] = (), **more: Any) -> TrainRequest:
    return TrainRequest(config=load_train_config(config, sets), files=files, media=media, out=Path("out"), **more)


def tvsum(folder: Path) -> Path:
    return write_tvsum_tsv(folder, dict.fromkeys(IDS, 30 * SECONDS))


def videoxum(folder: Path, **changes: Any) -> list[Path]:
    """Three files of two videos each; three people, of whom all chose second 2 and one second 6."""
    paths = []
    for place, split in enumerate(("train", "val", "test")):
        records = []
        for name in IDS[2 * place : 2 * place + 2]:
            kept = np.zeros((3, SECONDS), int)
            kept[:, 2], kept[0, 6] = 1, 1
            record = {
                "video_id": name,
                "duration": 8.0,
                "sampled_frames": SECONDS,
                "timestamps": [[0.5, 3.2], [5.0, 8.0]],
                "tsum": ["A square grows.", " A star leaves."],
                "vsum_onehot": kept.tolist(),
            }
            records.append(record | changes)
        paths.append(folder / f"{split}_videoxum.json")
        paths[-1].write_text(json.dumps(records))
    return paths


@given(
    frames=st.integers(1, 900), rate=st.floats(10, 60), fps=st.sampled_from([1.0, 2.0]), seed=st.integers(0, 2**32 - 1)
)
def test_annotations_go_to_the_nearest_frames_and_back(frames: int, rate: float, fps: float, seed: int) -> None:
    """Each frame has the labels of the nearest annotation, and each annotation is answered by the nearest frame."""
    picks = np.arange(0, frames, 15)
    ratings = np.random.default_rng(seed).integers(1, 6, (3, picks.size)).astype(float)
    times = picks / rate
    full = FullLength(frames, picks, np.zeros((0, 2), np.int64))
    reference = Reference("v", picks.size, rate / 15, scores=ratings, full=full)
    protocol = get("tvsum/per-annotator")
    made = _example(reference, _Video(Path("v.mp4"), "0" * 64, times, frames / rate), None, protocol, fps)
    assert made.labels.shape == (3, made.frames) and len(made.grid) == picks.size
    for frame, second in enumerate(made.seconds):
        gaps = np.abs(times - second)
        assert (made.labels[:, frame, None] == ratings[:, gaps <= gaps.min()]).all(axis=0).any()
    gaps = np.abs(made.seconds[list(made.grid)] - times)
    assert (gaps <= np.abs(made.seconds[:, None] - times).min(axis=0) + 1e-9).all()
    share = top_share(ratings.mean(axis=0)[None], 0.15)[0]
    assert set(made.keyframes) == {made.grid[place] for place in np.flatnonzero(share)}, "no rating is a keyframe alone"


def test_ratings_of_tvsum(config: Path, media: Path, tmp_path: Path) -> None:
    path = tvsum(tmp_path)
    asked = request(config, path, media=media, fold=1)
    read = read_files(asked)
    references = {item.id: item for item in read_references(path).items}
    assert read.sampling.fps == 2 and "fold 1 of 0..4" in read.name and f"seed {SEED}" in read.name
    assert sorted(example.split for example in read.examples) == [
        "test",
        "train",
        "train",
        "train",
        "train",
        "validation",
    ]
    for example in read.examples:
        reference = references[example.id]
        assert reference.scores is not None
        assert example.frames == reference.frames == 2 * SECONDS and example.media == media / f"{example.id}.mp4"
        assert mean_labels(example) == pytest.approx((reference.scores.mean(axis=0) - 1) / 4)
        assert 1 <= len(example.keyframes) <= 0.15 * example.frames + 1
    write_predictions(tmp_path / "p.jsonl", (Answer(e, Predicted(mean_labels(e), e.keyframes)) for e in read.examples))
    for item in read_predictions(tmp_path / "p.jsonl", references.values()).items:
        scores = references[item.id].scores
        assert item.failure is None and scores is not None
        assert item.scores == pytest.approx((scores.mean(axis=0) - 1) / 4, abs=1e-6), "the way there and back"
    test = {example.id for example in read.examples if example.split == "test"}
    others = [read_files(request(config, path, media=media, fold=fold)) for fold in (0, 2, 3, 4)]
    tested = [e.id for other in others for e in other.examples if e.split == "test"]
    assert sorted([*tested, *test]) == IDS, "each video is tested once"


def test_shots_give_the_keyframes_of_the_knapsack(config: Path, media: Path, tmp_path: Path) -> None:
    path = write_eccv16(tmp_path / "eccv16_dataset_summe.h5", [30 * SECONDS] * 6, names=IDS)
    asked = request(config, path, media=media, sets=("evaluation.protocol=summe/score-vs-mean",))
    references = {item.id: item for item in read_references(path).items}
    for example in read_files(asked).examples:
        full, chosen = references[example.id].full, references[example.id].selections
        assert full is not None and chosen is not None
        mean = chosen.mean(axis=0)
        assert mean_labels(example) == pytest.approx(mean)
        people = np.asarray(expand(mean[None], full.picks, full.frames), float)
        summary = shot_summary(people, full)[0][full.picks]
        assert example.keyframes == tuple(np.flatnonzero(summary).tolist())


def test_sentences_of_videoxum(config: Path, media: Path, tmp_path: Path) -> None:
    asked = request(config, *videoxum(tmp_path), media=media, sets=("evaluation.split=validation",))
    read = read_files(asked)
    assert [example.split for example in read.examples] == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    assert which_videos(asked)["split"] == ("val",) and read.sampling.fps == 1
    for example in read.examples:
        assert example.text == "A square grows. A star leaves." and example.frames == SECONDS
        assert example.interleaved == (((2,), "A square grows."), ((6,), "A star leaves.")), "15 % of 8 frames is one"
        assert example.keyframes == (2, 6)
        assert mean_labels(example)[[2, 6]] == pytest.approx([1, 1 / 3])
    (untimed := tmp_path / "untimed").mkdir()
    assert not any(
        e.interleaved for e in read_files(request(config, *videoxum(untimed, timestamps=[]), media=media))[-1]
    )


@pytest.mark.slow
def test_a_release_gives_captions_to_its_videos(config: Path, release: Path, media: Path, tmp_path: Path) -> None:
    known = {example.id: example for example in read_release(release, media).examples}
    for example in read_files(request(config, *videoxum(tmp_path), media=media, release=release)).examples:
        assert example.captions == known[example.id].captions and any(example.captions)
        assert example.keyframes == (2, 6), "the labels are the annotators'"
    deaf = request(config, *videoxum(tmp_path), media=media, release=release)
    tower = deaf.config.features
    assert tower is not None
    heard = deaf.config.model_copy(update={"features": tower.model_copy(update={"speech": NgramEmbedder()})})
    first, second = read_files(deaf), read_files(deaf.model_copy(update={"config": heard}))
    assert first.made_from != second.made_from, "another release says other things"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"media": None}, "name the folder with the videos"),
        ({"media": Path("gone")}, "name the folder with the videos"),
        ({"fold": 5}, r"--fold 5: there are only the folds 0\.\.4"),
        ({"sets": ("evaluation.split=validation",)}, "leave it `test`"),
        ({"sets": ("evaluation.protocol=summe/per-annotator",)}, "annotations summe/per-annotator cannot use"),
    ],
)
def test_a_request_that_cannot_be_met(
    change: dict[str, Any], words: str, config: Path, media: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        read_files(request(config, tvsum(tmp_path), **({"media": media} | change)))


def test_files_that_cannot_be_learned(config: Path, media: Path, tmp_path: Path) -> None:
    def told(*files: Path, place: Path = media, **more: Any) -> str:
        with pytest.raises(ConfigError) as caught:
            read_files(request(config, *files, media=place, **more))
        return str(caught.value)

    (tmp_path / "few").mkdir()
    (tmp_path / "few" / f"{IDS[0]}.mp4").symlink_to(media / f"{IDS[0]}.mp4")
    path = tvsum(tmp_path)
    assert "lacks 5 of 6 videos (film1, film2, film3, ...)" in told(path, place=tmp_path / "few")
    for name in IDS:
        (tmp_path / "few" / f"{name}.webm").symlink_to(media / f"{name}.mp4")
    assert "film0.mp4 is a file of the same video" in told(path, place=tmp_path / "few")
    (tmp_path / "few" / f"{IDS[0]}.mp4").unlink()
    (tmp_path / "few" / f"{IDS[0]}.webm").unlink()
    (tmp_path / "few" / f"{IDS[0]}.webm").write_text("no video")
    assert "film0.webm: cannot be read as a video" in told(path, place=tmp_path / "few")
    (tmp_path / "long").mkdir()
    longer = write_tvsum_tsv(tmp_path / "long", dict.fromkeys(IDS, 30 * 3 * SECONDS))
    assert "film0.mp4 has 8.0 s at 4 frames/s, and film0 was annotated in 720 frames of 24.0 s" in told(longer)
    annotation(tmp_path / "summe" / "GT" / "film0.mat", np.ones((2, 240), np.uint8))
    assert "--set evaluation.protocol=summe/score-vs-mean" in told(tmp_path / "summe")
    (tmp_path / "videoxum.json").write_text(videoxum(tmp_path)[0].read_text())
    assert "names of the files must begin with train" in told(tmp_path / "videoxum.json")
    (tmp_path / "folds.json").write_text(json.dumps([{"train_keys": ["film0", "film1"], "test_keys": ["film1"]}]))
    assert "film1 is in two parts" in told(path, splits=str(tmp_path / "folds.json"))
    hostile = tmp_path / "train_hostile.json"
    hostile.write_text(videoxum(tmp_path)[0].read_text().replace("film0", "../film0"))
    assert "../film0: an id of a video must be a possible name of a file" in told(hostile)
    paragraphs = tmp_path / "train_anet.json"
    paragraphs.write_text(json.dumps({"v_a": {"duration": 8.0, "timestamps": [[0, 8]], "sentences": ["One."]}}))
    assert "is in no split" in told(paragraphs)


@pytest.mark.slow
def test_one_command_from_ratings_to_figures_of_the_fold(config: Path, media: Path, tmp_path: Path) -> None:
    path, out = tvsum(tmp_path), tmp_path / "out"
    command = ["train", str(config), "--data", str(path), "--media", str(media), "--fold", "2", "--out", str(out)]
    done = runner.invoke(application(), command)
    assert done.exit_code == 0, done.stderr
    results = json.loads((out / "results.json").read_text())
    assert {"vtsum", "untrained", "uniform", "random", "human leave-one-out"} <= results.keys()
    evaluation = json.loads((out / "evaluation" / "evaluation.json").read_text())
    test = [e.id for e in read_files(request(config, path, media=media, fold=2)).examples if e.split == "test"]
    assert [video["id"] for video in evaluation["systems"][0]["videos"]] == test
    assert evaluation["systems"][0]["videos"][0]["failure"] is None
    assert f"proper, seed {SEED}, test videos of fold 2" in evaluation["provenance"]["splits"]
    assert "fold 2 of 0..4" in (out / "model" / "README.md").read_text()
    other = runner.invoke(application(), [*command[:7], "3", *command[8:], "--resume"])
    assert other.exit_code == 2 and "another release" in other.stderr
    neither = runner.invoke(application(), ["train", str(config), "--out", str(tmp_path / "none")])
    assert neither.exit_code == 2 and "nothing to learn from" in neither.stderr


@pytest.mark.slow
@pytest.mark.prefect
def test_the_flow_trains_on_files(config: Path, media: Path, tmp_path: Path, server: str) -> None:
    asked = request(config, *videoxum(tmp_path), media=media).model_copy(update={"out": tmp_path / "out"})
    made = run_flow(server, "flows.finetune", "finetune", {"request": asked.model_dump(mode="json")})
    assert Path(made["report"]).is_file() and (Path(made["model"]) / "finished.json").is_file()
    assert {row["name"] for row in made["rows"]} >= {"vtsum", "untrained", "uniform"}


def test_a_video_of_a_few_frames_more_or_fewer(config: Path, media: Path, tmp_path: Path) -> None:
    from training.features import Features, MissingFeature

    read = read_files(request(config, *videoxum(tmp_path), media=media))
    section = load_train_config(config).features
    assert section is not None
    features = Features(tmp_path / "features", section.tower, read.sampling)

    def of(frames: int) -> Example:
        return replace(read.examples[0], seconds=np.arange(float(frames)))

    for frames in (SECONDS - 1, SECONDS + 2):
        features.make([of(frames)])
        assert len(features.read(of(frames))) == frames
    assert (features.read(of(10))[7:] == features.read(of(8))[7]).all()
    assert (features.read(of(7)) == features.read(of(8))[:7]).all()
    with pytest.raises(MissingFeature):
        features.read(of(SECONDS + 3))
