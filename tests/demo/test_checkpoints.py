"""The committed checkpoints really caption and summarize videos they were never trained on, through the pipeline."""

import json
import os
from pathlib import Path

import pytest

from demo.evaluate import ROOT, evaluate
from demo.measure import figures
from schemas.configuration.loading import load_config

FOLDERS = [ROOT / "data" / "demo" / name for name in ("captioner", "summarizer")]


@pytest.mark.slow
def test_held_out_videos_come_out_right(tmp_path: Path) -> None:
    measured = figures(evaluate(load_config(ROOT / "configs" / "demo.yaml"), 3, tmp_path))
    assert measured["captions_exactly_right"] >= 0.9
    assert measured["keyframe_f1"] >= 0.8
    assert measured["events_named"] >= 0.8


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_files_are_complete_and_name_no_machine(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    settings = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    assert config["architectures"]
    assert isinstance(settings["eos_token_id"], int) and isinstance(settings["pad_token_id"], int)
    assert json.loads((folder / "figures.json").read_text(encoding="utf-8"))["videos"] >= 40
    assert "Apache-2.0" in (folder / "README.md").read_text(encoding="utf-8")
    texts = [path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix in (".json", ".md", ".jinja")]
    assert not any(needle in text for text in texts for needle in ("/tmp/", "/home/", os.uname().nodename))


def test_the_weights_are_small() -> None:
    assert sum(path.stat().st_size for folder in FOLDERS for path in folder.iterdir()) < 16_000_000
