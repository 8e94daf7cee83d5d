"""The fixture of the curation tests: a ledger on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.ledger.ledger import Ledger
from tests.postgres import new_ledger


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger; every test that takes it runs twice, with SQLite and with PostgreSQL."""
    if request.param == "sqlite":
        opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    else:
        opened = new_ledger(request.getfixturevalue("postgresql"))
    yield opened
    opened.close()
