"""One release for all tests of cards that only read it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.curation.release.card.released import STATED, released


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a release of 40 videos, 16 of them judged by two people."""
    with released(tmp_path_factory.mktemp("card") / "w", 40, *STATED, judged=16) as made:
        yield made
