"""A trained summarizer from pictures: as its recipe answers; and checkpoints that cannot choose keyframes."""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.render import frames
from demo.world import make_script
from models.build import build_clip, build_embedder, build_extractor
from models.check import Check
from models.checks import check_extractor
from models.clip import tower_vectors
from schemas.configuration.model_config import NgramEmbedder, TrainedExtractor
from schemas.errors import ConfigError
from tests.models.summarizers.trained_checkpoint import TOWER, checkpoint, example, recipe, state, stated_in
from training.predict import predict

FRAMES = 9


def pictures() -> list[bytes]:
    made = []
    for picture in islice(frames(make_script(60_000_001, 40), 1), FRAMES):
        Image.fromarray(picture).save(stream := io.BytesIO(), "JPEG")
        made.append(stream.getvalue())
    return made


@pytest.mark.parametrize("kind", ["vtsum", "v2xum"])
def test_it_answers_as_the_recipe_does(kind: str, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "model", kind)
    config = TrainedExtractor(model=str(folder))
    made = build_extractor(config, 1.0)
    chosen, scores = made.choose(iter(pictures()))
    vectors = tower_vectors(build_clip(TOWER), iter(pictures()))
    same = recipe(kind, vectors)
    (expected,) = predict(same, same.load(folder), [example(FRAMES)], 1)
    assert chosen == expected.predicted.keyframes and chosen
    assert scores == pytest.approx(expected.predicted.scores, abs=1e-5)
    assert made.name == "model" and len(made.revision) == 64
    (check,) = check_extractor(config, 1.0)
    assert check.status == "ok" and made.revision[:12] in check.found


@pytest.mark.parametrize("kind", ["vtsum", "v2xum"])
def test_one_that_reads_what_is_said_answers_as_its_recipe_does(kind: str, tmp_path: Path) -> None:
    embedder = NgramEmbedder(dimensions=64)
    folder = checkpoint(tmp_path / "model", kind, speech=embedder)
    config = TrainedExtractor(model=str(folder))
    made = build_extractor(config, 1.0, True)
    assert made.reads_speech and check_extractor(config, 1.0, True)[0].status == "ok"
    said = ["", "Now the kite.", "Now the kite.", "", "A red van stops.", *[""] * (FRAMES - 5)]
    chosen, scores = made.choose(iter(pictures()), said)
    vectors = tower_vectors(build_clip(TOWER), iter(pictures()))
    heard = build_embedder(embedder).embed(said)
    same = recipe(kind, np.concatenate([vectors, heard], axis=1), embedder)
    (expected,) = predict(same, same.load(folder), [example(FRAMES)], 1)
    assert chosen == expected.predicted.keyframes
    assert scores == pytest.approx(expected.predicted.scores, abs=1e-5)
    silent = made.choose(iter(pictures()), [""] * FRAMES)[1]
    assert not np.array_equal(scores, silent), "what is said is heard"
    with pytest.raises(ConfigError, match=r"transcribe\.mode"):
        build_extractor(config, 1.0, False)
    (check,) = check_extractor(config, 1.0, False)
    assert check.status == "fail" and "no transcripts" in check.found
    plain = build_extractor(TrainedExtractor(model=str(checkpoint(tmp_path / "plain", kind))), 1.0, True)
    assert not plain.reads_speech


def test_checkpoints_that_cannot_choose_keyframes(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "model", "vtsum", fps=2.0)
    config = TrainedExtractor(model=str(folder))

    def told(fps: float = 2.0) -> str:
        with pytest.raises(ConfigError) as error:
            build_extractor(config, fps)
        (check,) = check_extractor(config, fps)
        assert isinstance(check, Check) and check.status == "fail" and check.found == str(error.value)
        return check.found

    assert "frames.fps=2" in told(fps=1.0)
    stated = stated_in(folder)
    state(folder, stated, features="another tower")
    assert "trained on vectors of another tower" in told()
    for kind, own in {
        "llmvs": {"kind": "llmvs", "model": {"model": "a/b"}},
        "v2xum": {"kind": "v2xum", "language_model": "a/b", "tasks": ["v2t"]},
    }.items():
        state(folder, {**stated, "config": {**stated["config"], "name": kind, "summarizer": own}})
        assert "chooses no frames" in told()
    (folder / "finished.json").unlink()
    assert "unfinished" in told()
