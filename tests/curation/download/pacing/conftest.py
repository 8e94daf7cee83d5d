"""One set of tests for hosts in memory and in a ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from curation.ledger.ledger import Ledger
from tests.curation.download.pacing.worlds import SharedWorld, World
from tests.postgres import new_ledger


@pytest.fixture(scope="module")
def shared(postgresql: sa.URL) -> Iterator[Ledger]:
    with closing(new_ledger(postgresql)) as ledger:
        yield ledger


@pytest.fixture(params=["in memory", pytest.param("in a ledger", marks=pytest.mark.postgresql)])
def world(request: pytest.FixtureRequest) -> World:
    return World() if request.param == "in memory" else SharedWorld(request.getfixturevalue("shared"))
