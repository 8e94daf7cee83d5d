"""From a release to a checkpoint, predictions, an evaluation and a card; dry, stopped, resumed, and with bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from flows.cli.main import application
from flows.train_card import write_card
from models.summarizers.checkpoint import require_finished
from schemas.configuration.loading import load_train_config
from schemas.documents.evaluation import Evaluation
from schemas.errors import ConfigError, Interrupted
from schemas.repository import DATA
from training import recipe
from training.examples import Example
from training.fit import FitResult
from training.run import Hooks, Training, TrainRequest

pytestmark = pytest.mark.slow
runner = CliRunner()


@pytest.fixture(autouse=True)
def tiny_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recipe._MODULES, "vtsum", "tests.training.tiny_recipe")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of features that all trainings here share."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def config(tmp_path: Path, shared: Path) -> Path:
    said: dict[str, Any] = {
        "name": "tiny",
        "summarizer": {"kind": "vtsum"},
        "features": {"tower": {"engine": "transformers", "model": str(DATA / "demo" / "clip")}, "folder": str(shared)},
        "training": {"epochs": 3, "batch": 2, "learning_rate": 0.01},
        "evaluation": {"text": False},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(said))
    return path


def train(config: Path, release: Path, out: Path, *more: str) -> tuple[int, str, str]:
    done = runner.invoke(application(), ["train", str(config), "--release", str(release), "--out", str(out), *more])
    return done.exit_code, done.stdout, done.stderr


def test_one_command_from_a_release_to_a_card(config: Path, release: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, err = train(config, release, out, "--set", f"features.upstream={tmp_path / 'upstream'}")
    assert code == 0, err
    written = sorted((tmp_path / "upstream").glob("*.npy"))
    assert len(written) == 8 and np.load(written[0]).shape == (100, 64)
    assert "untrained" in said and "uniform" in said and "random" in said and "report.html" in said
    evaluation = Evaluation.model_validate_json((out / "evaluation" / "evaluation.json").read_text())
    assert [row.name for row in evaluation.systems[:3]] == ["vtsum", "untrained", "uniform"]
    results = json.loads((out / "results.json").read_text())
    assert {"vtsum", "untrained", "uniform", "random", "seconds"} <= results.keys()
    assert len(results["vtsum"]["f1"]) == 3
    card = (out / "model" / "README.md").read_text()
    about = require_finished(out / "model")
    assert about["made_from"] in card and about["config"] in card and "| vtsum |" in card and "loss.png" in card
    html = MarkdownIt("commonmark").enable("table").render(card.split("---", 2)[2])
    assert html.count("<table>") == 3 and html.count("<tr>") == (1 + 4) + (1 + 3) + (1 + 2 + 5)
    assert yaml.safe_load(card.split("---")[1])["library_name"] == "transformers"
    assert (out / "model" / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert "by the loss on" in card and "the validation split;" in card
    opened = Training(TrainRequest(config=load_train_config(config), release=release, out=out))
    write_card(opened, FitResult.read(out / "model")._replace(validation=()), evaluation)
    assert "no validation split;" in (out / "model" / "README.md").read_text()
    (made := out / "run.json").unlink()
    code, _, err = train(config, release, out)
    assert code == 2 and "--resume" in err and not made.exists(), "it is told before anything is written"


def test_a_dry_run_leaves_nothing_but_features(config: Path, release: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, err = train(config, release, out, "--dry-run")
    assert code == 0 and "GB" in said and "steps of" in said, err
    assert not out.exists()
    code, said, _ = train(config, release, out, "--dry-run", "--json")
    assert code == 0 and json.loads(said)["steps"] > 0


def test_a_dry_run_makes_what_a_model_is_built_from(
    config: Path, release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vectors of the longest videos, and of the first, whose width the model takes."""
    opened = Training(TrainRequest(config=load_train_config(config), release=release, out=tmp_path / "out"))
    first, *others = opened.train
    opened.train = [replace(first, seconds=first.seconds[:-1], labels=first.labels[:, :-1]), *others]
    asked: list[str] = []

    def prepare(examples: list[Example], *_: Any) -> None:
        asked.extend(example.id for example in examples)
        raise Interrupted("enough")

    monkeypatch.setattr(opened.recipe, "prepare", prepare)
    with pytest.raises(Interrupted):
        opened.dry_run(Hooks())
    assert len(asked) == 3 and asked[-1] == first.id


def test_the_section_data_says_which_rows_are_learned(config: Path, release: Path, tmp_path: Path) -> None:
    def opened(rows: str, videos: int, seed: int = 0) -> Training:
        told = [f"data.rows={rows}", f"data.videos={videos}", f"training.seed={seed}"]
        return Training(TrainRequest(config=load_train_config(config, told), release=release, out=tmp_path / "out"))

    whole = opened("all", 9)
    assert whole.sources == {"raw": 4} and whole.about["config"] != opened("all", 3).about["config"]
    some = {seed: [each.id for each in opened("raw", 3, seed).train] for seed in range(9)}
    assert all(len(ids) == 3 for ids in some.values()) and len(set(map(tuple, some.values()))) > 1
    assert {each.id for each in opened("raw", 2).train} < set(some[0]), "fewer videos are a part of more"
    assert len(whole.test) == len(opened("raw", 1).test) == 2
    code, said, err = train(config, release, tmp_path / "out", "--dry-run", "--set", "data.videos=3")
    assert code == 0 and "3 videos to learn from: 3 raw" in said, err
    code, _, err = train(config, release, tmp_path / "out", "--set", "data.rows=verified")
    assert code == 2 and "data.rows: the split train has no verified rows, but 4 raw" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--set", "data.rows=checked"), "data.rows"),
        (("--set", "training.bach=3"), "unknown key; did you mean 'batch'"),
        (("--set", "summarizer.kind=vtsun"), "summarizer: kind 'vtsun' is not known"),
        (("--set", "features=null"), "looks at frames"),
        (("--set", "features.tower.model=./gone"), "features.tower.model: ./gone: there is no such"),
        (("--media", "gone"), "no folder with videos"),
        (("--set", "summarizer.kind=dpo"), "summarizer.model: Field required"),
    ],
)
def test_bad_input_is_told_before_anything_is_made(
    more: tuple[str, ...], words: str, config: Path, release: Path, tmp_path: Path
) -> None:
    code, _, err = train(config, release, tmp_path / "out", *more)
    assert code == 2 and words in err and "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_a_file_as_out_and_no_release(config: Path, release: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in train(config, release, tmp_path / "file")[2]
    code, _, err = train(config, tmp_path, tmp_path / "out")
    assert code == 2 and "no release here" in err


def test_relative_paths_start_at_the_file(config: Path, tmp_path: Path) -> None:
    said = yaml.safe_load(config.read_text())
    (tmp_path / "clip").mkdir()
    said["features"] |= {"folder": "here", "tower": {"engine": "transformers", "model": "clip"}}
    config.write_text(yaml.safe_dump(said))
    read = load_train_config(config)
    assert read.features is not None
    assert read.features.folder == str(tmp_path / "here") and read.features.tower.model == str(tmp_path / "clip")
    with pytest.raises(ConfigError, match="mapping"):
        config.write_text("[]")
        load_train_config(config)


def test_stopped_by_a_signal_it_goes_on(config: Path, release: Path, tmp_path: Path) -> None:
    """Another process is ended by SIGTERM after its first step; the same command with --resume makes the model."""
    import signal
    import subprocess
    import sys
    import time

    from schemas.repository import ROOT

    code = (
        "from training import recipe; recipe._MODULES['vtsum'] = 'tests.training.tiny_recipe'\n"
        "from flows.cli.main import main; import sys; sys.argv[0] = 'v2xum'; main()"
    )
    out = tmp_path / "out"
    command = [sys.executable, "-c", code, "train", str(config), "--release", str(release), "--out", str(out)]
    command += ["--set", "training.epochs=2000", "--set", "training.patience=null"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    for _ in range(1200):
        if any(out.glob("checkpoints/checkpoint-*/finished.json")) or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143 and "--resume goes on" in err, err
    assert not (out / "model").exists()
    done = list(out.glob("checkpoints/checkpoint-*/finished.json"))
    assert done
    stated = (out / "run.json").read_text()
    code, _, err = train(config, release, out, "--resume")
    assert code == 2 and "another config" in err, "the number of epochs is part of it"
    assert (out / "run.json").read_text() == stated
