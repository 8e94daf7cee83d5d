"""A download that waits for its turn ends with the run, however many nodes are before it."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from curation.ledger.ledger import Ledger
from curation.pipeline.services import Services
from curation.store.store import Store
from schemas.configuration.loading import load_config
from schemas.errors import Interrupted
from schemas.repository import ROOT


def test_who_waits_for_the_turn_of_a_host_stops_with_the_run(tmp_path: Path) -> None:
    config = load_config(ROOT / "configs" / "demo.yaml", ["download.pace=3600"])
    with closing(Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")) as ledger:
        services = Services(config, ledger, Store(tmp_path / "store"))
        with services, services.hosts.visit("films.example"):
            pass
        timer = threading.Timer(0.1, services.stop.set)
        timer.start()
        with pytest.raises(Interrupted), services.hosts.visit("films.example"):
            pytest.fail("it did not wait for its turn")
        timer.join()
