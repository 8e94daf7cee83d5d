"""A stand-in Hub, and caches of the Hub's library in a folder of the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.hub.server import Hub, serve


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub.utils._xet import abort_xet_session

    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "home" / "xet"))
    abort_xet_session()  # the next one reads the environment
    with serve(tmp_path / "hub") as running:
        yield running
    abort_xet_session()
