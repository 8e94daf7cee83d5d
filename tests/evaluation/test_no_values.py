"""An evaluation without any value ends with its reason, and not with a table of dashes."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from typer.testing import CliRunner

from evaluation.request import EvaluateRequest, evaluate_here
from flows.cli.main import application
from schemas.errors import ConfigError
from tests.evaluation.datasets import write_eccv16

NAMES = ["Air_Force_One", "Base jumping", "Jumps"]
FRAMES = [600, 451, 900]


@pytest.fixture
def summe(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, frames in zip(NAMES, FRAMES, strict=True):
        path = tmp_path / "SumMe" / "GT" / f"{name}.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, {"user_score": rng.integers(0, 2, (frames, 5)), "nFrames": frames, "FPS": 30.0})
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        for place, frames in enumerate(FRAMES, 1):
            file[f"video_{place}"] = rng.random(-(-frames // 15))
    index = {name: f"video_{place}" for place, name in enumerate(NAMES, 1)}
    (tmp_path / "SumMe" / "video_names.json").write_text(json.dumps(index))
    return tmp_path


def test_summe_without_shots_says_so_and_where_they_are(summe: Path) -> None:
    arguments = ["evaluate", f"mine={summe / 'mine.h5'}", "--no-text", "--out", str(summe / "out")]
    arguments += ["--protocol", "summe/binary-vs-mean", "--references", str(summe / "SumMe")]
    done = CliRunner().invoke(application(), arguments)
    assert done.exit_code == 2 and not done.stdout and not (summe / "out").exists()
    first = done.stderr.splitlines()[0]
    assert "no metric has a value" in first and "the reference has no shots (3 videos)" in done.stderr.replace(
        "\n", " "
    )
    assert "eccv16_dataset_summe_google_pool5.h5" in done.stderr
    shots = write_eccv16(summe / "eccv16_dataset_summe_google_pool5.h5", FRAMES, names=NAMES)
    done = CliRunner().invoke(application(), [*arguments, "--references", str(shots)])
    assert done.exit_code == 0, done.stderr
    evaluation = json.loads((summe / "out" / "evaluation.json").read_text())
    values = {metric["name"]: metric["value"] for metric in evaluation["systems"][0]["metrics"]}
    assert all(values[name] is not None for name in ("f1", "kendall_tau", "spearman_rho"))


def test_texts_alone_without_text_metrics(summe: Path) -> None:
    (summe / "t.jsonl").write_text('{"id": "Jumps", "text": "A man jumps.", "task": "v2t"}\n')
    shots = write_eccv16(summe / "eccv16_dataset_summe_google_pool5.h5", FRAMES, names=NAMES)
    request = EvaluateRequest(
        predictions=(str(summe / "t.jsonl"),),
        references=(shots,),
        protocol="summe/per-annotator",
        text=False,
        out=summe / "out",
    )
    with pytest.raises(ConfigError, match=r"the system predicts no frames.*install the extra `text`"):
        evaluate_here(request)
