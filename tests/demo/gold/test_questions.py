from __future__ import annotations

from contextlib import closing
from pathlib import Path

from demo.gold.questions import free_id
from schemas.records import Source
from tests.annotation.workspaces import ORIGIN, make_workspace, services_of

KEY = "5" * 64


def test_an_id_that_a_sample_has_is_not_taken(tmp_path: Path) -> None:
    place = make_workspace(tmp_path / "run", [])
    with services_of(place) as services, closing(services.ledger):
        names = [free_id(services.ledger, KEY, 0, number) for number in range(50)]
        assert len(set(names)) == 50
        services.ledger.register([Source(id=names[0], kind="file", uri="/x", origin=ORIGIN)])
        after = [free_id(services.ledger, KEY, 0, number) for number in range(50)]
        assert after[0] not in names and after[1:] == names[1:]
