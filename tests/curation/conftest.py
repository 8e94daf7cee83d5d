"""Fixtures of the curation tests: a ledger, and scripted stage functions that need no video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    yield opened
    opened.close()
