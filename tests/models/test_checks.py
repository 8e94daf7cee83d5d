"""The doctor's look at checkpoints of this machine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from models.checks import check_clip, check_embedder, check_local
from schemas.model_config import LocalModel, NgramEmbedder, OpenClip, TransformersClip, TransformersEmbedder
from schemas.repository import DATA

DEMO = DATA / "demo"

pytest.importorskip("torch")


def test_a_checkpoint_that_is_there() -> None:
    [check] = check_local("captioner", LocalModel(model=str(DEMO / "captioner")))
    assert check.status == "ok" and str(DEMO) not in check.found


def test_a_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    [check] = check_local("captioner", LocalModel(model=str(tmp_path / "gone")))
    assert check.status == "fail" and "set models.captioner.model" in check.fix


def test_a_device_that_is_not_there() -> None:
    checks = check_local("captioner", LocalModel(model=str(DEMO / "captioner"), device="xpu:0"))
    assert [check.status for check in checks] == ["ok", "fail"]
    assert checks[1].fix == "set models.captioner.device: cpu"


def test_the_embedder(tmp_path: Path) -> None:
    assert [check.status for check in check_embedder(NgramEmbedder())] == ["ok"]
    gone = TransformersEmbedder(engine="transformers", model=str(tmp_path / "gone"))
    [check] = check_embedder(gone)
    assert check.status == "fail" and "set models.embedder.model" in check.fix


def test_the_clip(tmp_path: Path) -> None:
    [check] = check_clip(TransformersClip(engine="transformers", model=str(DEMO / "clip")))
    assert check.status == "ok"
    [check] = check_clip(TransformersClip(engine="transformers", model=str(tmp_path / "gone")))
    assert check.status == "fail" and "set models.clip.model" in check.fix


def test_a_clip_of_open_clip() -> None:
    [check] = check_clip(OpenClip(engine="open_clip", model="ViT-B-32", pretrained="no such weights"))
    assert check.status == "fail"
    assert ("no such weights" in check.found) if importlib.util.find_spec("open_clip") else ("[clip]" in check.fix)
