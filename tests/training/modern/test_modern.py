"""The modern road: a small vision-language model is tuned from a release's files, and by preference pairs."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.configuration.loading import load_train_config
from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError
from tests.places import ROOT
from tests.training.modern.tiny_vlm import make
from training.checkpoints import mark_finished
from training.modern.dpo import PairRecipe
from training.modern.sft import ModernRecipe
from training.recipe import Places, recipe_of
from training.run import Training, TrainRequest

TORCHVISION = ROOT / ".venv-open-clip"
pytestmark = pytest.mark.slow


def config(kind: str, model: object = "gone") -> TrainConfig:
    return TrainConfig.model_validate({"name": "tiny", "summarizer": {"kind": kind, "model": str(model)}})


@pytest.mark.skipif(not TORCHVISION.exists(), reason="torchvision is not there: make open-clip")
def test_one_command_tunes_and_one_tunes_further(releases: Path, tmp_path: Path) -> None:
    """Both with bfloat16, gradient checkpointing and dropout, as the configurations for GPUs say."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.modern.prove", str(releases / "0.3.0"), str(tmp_path)],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join((str(TORCHVISION), str(ROOT))), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert told["learned"][0].startswith("[0.0] [3.0]") and told["learned"][1].startswith("[0.0]A red kite")
    assert all(text.endswith("<|im_end|>\n") and "seconds" not in text for text in told["learned"])
    assert told["dry"]["steps"] == 12 and not (tmp_path / "dry" / "model").exists()
    assert "untrained" in told["said"] and "report.html" in told["said"]
    assert "the loss of step" in told["diverged"] and "learning_rate" in told["diverged"]
    assert told["vlm_resumed"] and told["dpo_resumed"], "equal to the bit"
    for kind, steps in (("vlm", 12), ("dpo", 4)):
        out = tmp_path / kind
        fit = json.loads((out / "model" / "training.json").read_text())
        assert fit["steps"] == steps and fit["losses"][-1][1] < 0.97 * fit["losses"][0][1]
        lines = [json.loads(line) for line in (out / "predictions" / f"{kind}.jsonl").read_text().splitlines()]
        assert kind == "dpo" or lines[0]["text"] == told["summarized"]
        assert len(lines) == 2 and all(line.get("text") for line in lines)
        assert {kind, "untrained", "uniform", "random"} <= json.loads((out / "results.json").read_text()).keys()
        assert sorted(path.name for path in (out / "model").iterdir() if path.is_dir()) == []
        adapter = json.loads((out / "model" / "adapter_config.json").read_text())
        assert adapter["base_model_name_or_path"] == str(tmp_path / "tiny"), "also after the second training"
        assert any((out / "tensorboard").iterdir())
        assert "library_name: peft" in (out / "model" / "README.md").read_text()
    untrained = (tmp_path / "dpo" / "predictions" / "untrained.jsonl").read_text()
    assert untrained == (tmp_path / "vlm" / "predictions" / "vlm.jsonl").read_text(), "it begins where the first ended"


@pytest.mark.parametrize(
    ("version", "kind", "words"),
    [
        ("0.1.0", "vlm", "no formats/trl for the split test.*v2xum release WORKSPACE VERSION --format trl"),
        ("0.2.0", "dpo", "no preference pairs for the split train.*v2xum review push"),
    ],
)
def test_a_release_without_the_files_is_told_with_the_command_that_makes_them(
    version: str, kind: str, words: str, releases: Path, tmp_path: Path
) -> None:
    request = TrainRequest(config=config(kind), release=releases / version, out=tmp_path / "out")
    with pytest.raises(ConfigError, match=words):
        Training(request)
    assert not (tmp_path / "out").exists()


def test_several_gpus_are_told_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(ConfigError, match="CUDA_VISIBLE_DEVICES=0"):
        recipe_of(config("vlm"), None).check([])


def test_early_stopping_needs_pairs_for_validation(releases: Path, tmp_path: Path) -> None:
    shutil.copytree(releases / "0.3.0" / "formats", tmp_path / "formats")
    (tmp_path / "formats" / "trl" / "dpo" / "text" / "validation.jsonl").unlink()
    shutil.rmtree(tmp_path / "formats" / "trl" / "dpo" / "caption" / "validation")
    with pytest.raises(ConfigError, match=r"split validation, and training\.patience needs"):
        recipe_of(config("dpo"), None, Places(tmp_path, tmp_path / "out")).check([])


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is not None, reason="torchvision is here")
def test_a_missing_torchvision_is_told(releases: Path, tmp_path: Path) -> None:
    request = TrainRequest(
        config=config("vlm", make(tmp_path / "tiny")), release=releases / "0.2.0", out=tmp_path / "o"
    )
    with pytest.raises(ConfigError, match="needs a package that is missing: pip install the torchvision"):
        Training(request)


def test_what_is_no_finished_adapter_is_refused(tmp_path: Path) -> None:
    tiny = make(tmp_path / "tiny")
    mark_finished(tiny, {})
    with pytest.raises(ConfigError, match="is no adapter of a vision-language model"):
        recipe_of(config("vlm"), None).load(tiny)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ConfigError, match="an unfinished checkpoint"):
        recipe_of(config("dpo", tmp_path), None).build([])


@pytest.mark.parametrize("name", ["qwen3_vl", "qwen3_vl_dpo"])
def test_configurations_are_whole(name: str) -> None:
    read = load_train_config(ROOT / "configs" / "train" / f"{name}.yaml")
    assert type(recipe_of(read, None)) is {"vlm": ModernRecipe, "dpo": PairRecipe}[read.summarizer.kind]
