"""rapidocr, which lies in a folder beside the environment (`make ocr`), for tests in this process."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.places import ROOT

PACKAGES = ROOT / ".venv-ocr"


@pytest.fixture
def rapidocr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its packages, after those of the environment; the test is left out where they are not there."""
    if PACKAGES.exists():
        monkeypatch.syspath_prepend(PACKAGES)
    if find_spec("rapidocr") is None:
        pytest.skip("rapidocr is not there: make ocr")
