"""Who works on a workspace now: claims and paused hosts in PostgreSQL, the noted process for a ledger in a file."""

from __future__ import annotations

import json
import os
import threading
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console

from curation.download.pacing.in_ledger import InLedger
from curation.download.pacing.states import Pause
from curation.ledger.claims import RUN, shard_key
from curation.ledger.holding.stop_requests import listening
from curation.status.run_now import run_now
from curation.workspace import Workspace
from flows.cli.printing.print_run import print_run
from schemas.configuration.loading import load_config
from schemas.documents.status import HeldClaim, Holder, RunNow
from schemas.repository import ROOT
from tests.curation.ledger.holding.claiming import end
from tests.postgres import new_ledger


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def printed(run: RunNow | None) -> str:
    out = StringIO()
    print_run(run, Console(file=out))
    return out.getvalue().strip()


@pytest.mark.postgresql
def test_the_owner_the_nodes_and_the_paused_hosts_are_told(postgresql: sa.URL, place: Workspace) -> None:
    overrides = ["run.claim_seconds=60", "run.engine=ray", "run.ray_address=10.0.0.5:6379"]
    place.save_config(load_config(ROOT / "configs" / "demo.yaml", overrides))
    with closing(new_ledger(postgresql)) as ledger:
        assert run_now(ledger, place) is None
        run = ledger.claim(RUN, "head/11/x/aa")
        assert run is not None
        for noted in ("", '["killed", "head/12/x/bb", 0]', '["killed", "other/11/y/bb", 0]'):
            ledger.replace_property("running", noted)
            assert run_now(ledger, place) is None  # another command: it takes the same claim
        ledger.replace_property("running", json.dumps(["name", "head/11/x/bb", 0]))
        for number, owner in ((2, "node-b/22/x/bb"), (0, "node-b/22/x/bb"), (1, "node-a/33/x/cc")):
            assert ledger.claim(shard_key(run, number), owner, 60.0, run) is not None
        released = ledger.claim(shard_key(run, 3), "node-a/33/x/cc", 60.0, run)
        assert released is not None
        ledger.release(released)
        end(ledger, shard_key(run, 1))  # its node is gone, or cut off, for a second
        hosts = InLedger(ledger)
        hosts.take("films.example", 0)
        hosts.refused("films.example", None, "bot_check", Pause(100, 1000))
        found = run_now(ledger, place)
        assert found is not None
        assert found.owner == Holder(host="head", process=11, claims=found.owner.claims)
        assert [claim.shard for claim in found.owner.claims] == [None] and found.owner.claims[0].heartbeat < 10
        lost, well = found.nodes
        assert (lost.host, [claim.shard for claim in lost.claims]) == ("node-a", [1])
        assert lost.claims[0].heartbeat >= 61
        assert (well.host, well.process, [claim.shard for claim in well.claims]) == ("node-b", 22, [0, 2])
        assert all(claim.fence == 1 and claim.heartbeat < 10 for claim in well.claims)
        assert [(one.host, one.reason) for one in found.paused] == [("films.example", "bot_check")]
        assert 90 < found.paused[0].seconds <= 100
        place.save_config(load_config(ROOT / "configs" / "demo.yaml", ["run.engine=threads"]))
        alone = run_now(ledger, place)
        assert alone is not None and alone.paused == ()  # those of an earlier run on nodes
        ledger.release(run)
        assert run_now(ledger, place) is None


def test_the_run_of_a_ledger_in_a_file_is_told_while_it_holds_the_workspace(place: Workspace) -> None:
    with place.lock(), closing(place.ledger()) as ledger:
        assert run_now(ledger, place) is None  # another command
        with listening(ledger, threading.Event(), lambda: None):
            found = run_now(ledger, place)
        assert found is not None and (found.owner.process, found.owner.claims, found.nodes) == (os.getpid(), (), ())
        ledger.replace_property("running", '["name", "elsewhere/1/other/aa", 0]')  # a copy from another machine
    with closing(place.ledger()) as ledger:
        assert run_now(ledger, place) is None


def test_what_is_printed_has_no_control_characters() -> None:
    owner = Holder(host="head", process=11, claims=(HeldClaim(shard=None, fence=4, heartbeat=2.2),))
    shards = (HeldClaim(shard=3, fence=1, heartbeat=8.8), HeldClaim(shard=7, fence=2, heartbeat=3.6))
    nodes = (Holder(host="no\x1b[31mde", process=5, claims=shards),)
    lines = printed(RunNow(owner=owner, nodes=nodes)).splitlines()
    assert lines[0] == "run: process 11 on head, fence 4, last heard of 2 s ago"
    assert lines[1].endswith("2 shards: 3 (fence 1), 7 (fence 2), last heard of 4 s ago") and "\x1b" not in lines[1]
    assert printed(None) == "no run"
