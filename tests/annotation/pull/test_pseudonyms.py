"""A key of pseudonyms that is lost or exchanged is noticed before one annotator becomes two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from annotation.label_studio.access import Pseudonyms, pseudonyms_key
from annotation.pull.pseudonyms import pseudonyms_of
from curation.ledger.ledger import Ledger
from curation.ledger.properties import PSEUDONYMS
from curation.review.verdict_store import Reviews
from curation.workspace import Workspace
from schemas.errors import ConfigError
from schemas.review import Verdict
from tests.runs import in_process

VERDICT = Verdict(
    sample_id="v", content_sha256="0" * 64, decision="accept", annotator="annotator-1", origin="o",
    updated_at="2026-01-01T00:00:00Z", stratum="random",
)  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "w")


@pytest.fixture
def ledger(place: Workspace) -> Iterator[Ledger]:
    with closing(place.ledger()) as ledger:
        yield ledger


def test_the_same_key_makes_the_same_names_and_is_noted_without_being_told(place: Workspace, ledger: Ledger) -> None:
    first = pseudonyms_of(place.root, ledger)
    assert pseudonyms_of(place.root, ledger).of("a@b.c") == first.of("A@b.c")
    assert ledger.property(PSEUDONYMS) == first.fingerprint
    assert first.fingerprint not in pseudonyms_key(place.root).read_text()


@pytest.mark.parametrize("state", ["lost", "exchanged"])
def test_another_key_is_refused_until_it_is_accepted(place: Workspace, ledger: Ledger, state: str) -> None:
    pseudonyms_of(place.root, ledger)
    key = pseudonyms_key(place.root)
    key.unlink()
    if state == "exchanged":
        Pseudonyms(place.root)
    for _ in range(2):
        with pytest.raises(ConfigError, match=f"{key} is .*--accept"):
            pseudonyms_of(place.root, ledger)
    assert key.exists() is (state == "exchanged"), "no new key is made before somebody says so"
    assert in_process("repair", place.root, "--accept").returncode == 0
    assert pseudonyms_of(place.root, ledger).of("a") == pseudonyms_of(place.root, ledger).of("a")


def test_verdicts_of_before_tell_that_there_was_a_key(place: Workspace, ledger: Ledger) -> None:
    Reviews(ledger).store([VERDICT])
    with pytest.raises(ConfigError, match="is missing, and verdicts were stored with it"):
        pseudonyms_of(place.root, ledger)
    Pseudonyms(place.root)  # the key that an earlier version made and noted nowhere
    assert pseudonyms_of(place.root, ledger).fingerprint == ledger.property(PSEUDONYMS)
