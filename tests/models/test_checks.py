"""The doctor's look at checkpoints of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.checks import check_local
from schemas.model_config import LocalModel

DEMO = Path(__file__).parents[2] / "data" / "demo"

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
