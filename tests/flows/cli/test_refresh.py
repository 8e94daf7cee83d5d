"""`v2xum refresh` as a user calls it: stopped in the middle, called again, with wrong lists, and as a flow."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from curation.workspace import Workspace
from tests.curation.release.refresh.released import at, released
from tests.curation.samples import contents
from tests.curation.servers import VideoServer
from tests.forks import Forked
from tests.runs import in_process, run_flow

pytestmark = pytest.mark.slow
VIDEOS = 8


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VideoServer]:
    with VideoServer(tmp_path) as server:
        yield server


@pytest.fixture
def root(tmp_path: Path, site: VideoServer) -> Path:
    """A workspace whose published videos a local site has; the last one was removed."""
    samples = [at(f"v{n}", site.url(f"/video.mp4?n={n}")) for n in range(VIDEOS - 1)]
    with released(tmp_path / "w", [*samples, at("v7", site.url("/status/410"))], "refresh.pace=0.7"):
        pass
    return tmp_path / "w"


def answered(root: Path) -> dict[str, float]:
    with closing(Workspace(root).ledger()) as ledger:
        found = ledger.rechecks([f"v{n}" for n in range(VIDEOS)])
    return {name: one.checked_at for name, one in found.items()}


def test_stopped_by_sigterm_it_goes_on_and_asks_nobody_twice(root: Path, site: VideoServer) -> None:
    process = Forked("flows.cli.__main__", ["refresh", root], err=root / "said")
    deadline = time.monotonic() + 120
    while len({*site.paths()}) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    code, said = process.wait(60), (root / "said").read_text()
    assert code == 143, said
    assert "stopped at a safe point; the same command goes on from here" in said
    before, asked = answered(root), len(site.requests)
    assert 0 < len(before) < VIDEOS
    done = in_process("refresh", root, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["looks"]["due"] == VIDEOS - len(before)
    after = answered(root)
    assert len(after) == VIDEOS and {name: after[name] for name in before} == before
    later = {path for _, path, *_ in site.requests[asked:]}
    again = {f"/video.mp4?n={name[1:]}" if name != "v7" else "/status/410" for name in before}
    assert later.isdisjoint(again)
    count = len(site.requests)
    quiet = in_process("refresh", root)
    assert "looked at   0\n" in quiet.stdout and len(site.requests) == count
    assert "tombstones  1: removed 1; 0 made and 0 lifted now" in quiet.stdout
    assert "next        0.1.1 (patch)\n  patch     1 new tombstone (removed 1)" in quiet.stdout


def test_a_dry_run_and_a_wrong_list_change_nothing(root: Path, site: VideoServer) -> None:
    (root / "optout.jsonl").write_text('{"id": "v0"}\n')
    before = contents(root)
    dry = in_process("refresh", root, "--dry-run")
    assert dry.returncode == 0 and contents(root) == before and not site.requests
    assert "opt-outs    1 in force, 1 new, 0 lifted; they concern 1 video" in dry.stdout
    assert "nobody was asked, and nothing was stored" in dry.stdout
    (root / "optout.jsonl").write_text('{"id": "v0"}\n{"name": "v0"}\n')
    for command in (["refresh", root], ["refresh", root, "--dry-run"], ["release", root, "0.2.0"]):
        wrong = in_process(*command)
        assert wrong.returncode == 2 and "optout.jsonl: line 2: unknown key 'name'" in wrong.stderr
    assert not (root / "releases" / "0.2.0").exists() and not site.requests
    (root / "optout.jsonl").write_text('{"id": "v0"}\n')
    assert in_process("release", root, "0.2.0").returncode == 0, "the list is read without a refresh, too"
    manifest: dict[str, Any] = json.loads((root / "releases" / "0.2.0" / "manifest.json").read_text())
    assert manifest["samples"] == VIDEOS - 1
    assert manifest["rejections"] == [{"stage": "source", "error_class": "refused", "reason": "opted_out", "videos": 1}]
    retried = in_process("retry", root, "--reason", "opted_out")
    assert retried.returncode == 2 and "its publisher opted out" in retried.stderr


@pytest.mark.prefect
def test_the_flow_gives_the_same_document(root: Path, server: str) -> None:
    report = run_flow(server, "flows.refresh", "refresh", {"workspace": str(root), "limit": 2})
    assert report["looks"] == {
        "watched": VIDEOS, "strangers": 0, "due": VIDEOS, "checked": 2, "found": {"available": 2}, "unanswered": {}
    }  # fmt: skip
    assert len(answered(root)) == 2
