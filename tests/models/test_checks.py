"""The doctor's checks of models that this process would load."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from models.checks import check_clip, check_embedder, check_local
from schemas.configuration.model_config import (
    LocalModel,
    NgramEmbedder,
    OpenClip,
    TransformersClip,
    TransformersEmbedder,
)
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


def test_a_clip_of_open_clip_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    [check] = check_clip(OpenClip(engine="open_clip", model="ViT-B-32", pretrained="openai"))
    assert check.status == "fail" and "[clip]" in check.fix


def test_a_clip_of_open_clip_needs_known_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("open_clip")
    package.list_pretrained_tags_by_model = lambda _model: ["openai"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "open_clip", package)
    [check] = check_clip(OpenClip(engine="open_clip", model="ViT-B-32", pretrained="no such weights"))
    assert check.status == "fail" and "no such weights" in check.found and "openai" in check.fix
    [check] = check_clip(OpenClip(engine="open_clip", model="ViT-B-32", pretrained="openai"))
    assert check.status == "ok"
