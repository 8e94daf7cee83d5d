"""`v2xum deploy` on a real server: twice changes nothing, a change is mended, what is left out is named or removed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from flows.local.deploying.file import DEFAULT
from schemas.repository import ROOT
from tests.runs import in_process

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
MARK = "deployed-by:films"


@pytest.fixture
def client(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.chdir(ROOT)
    with httpx.Client(base_url=server, timeout=30) as client, temporary_settings({PREFECT_API_URL: server}):
        yield client


def deployed(path: Path, *options: str) -> dict[str, Any]:
    done = in_process("deploy", path, "--json", *options)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def everything(client: httpx.Client) -> dict[str, Any]:
    """All that the server has, but for when workers were seen and which runs are due."""
    found = {}
    for kind in ("deployments", "automations", "work_pools", "concurrency_limits", "v2/concurrency_limits"):
        found[kind] = client.post(f"/{kind}/filter", json={}).raise_for_status().json()
    for each in found["deployments"]:
        del each["status"], each["last_polled"]
    for each in found["work_pools"]:
        del each["status"]
    return found


def actions(report: dict[str, Any]) -> dict[str, str]:
    return {f"{each['kind']} {each['name']}": each["action"] for each in report["changes"]}


def test_twice_changes_nothing_and_a_change_is_mended(client: httpx.Client, tmp_path: Path) -> None:
    document = {**yaml.safe_load(DEFAULT.read_text()), "name": "films"}
    for each in document["deployments"]:
        each["name"] = f"films-{each['name']}"
    path = tmp_path / "prefect.yaml"
    path.write_text(yaml.safe_dump(document))
    before = everything(client)
    would = deployed(path, "--dry-run")
    assert everything(client) == before and would["dry_run"]
    made = deployed(path)
    assert actions(made) == actions(would) and actions(made)["deployment curate-file/films-nightly"] == "created"
    after = everything(client)
    assert deployed(path)["changes"] == [] and everything(client) == after

    nightly = next(
        each for each in after["deployments"] if each["name"] == "films-nightly" and "curate" in each["tags"]
    )
    weekly = next(each for each in after["deployments"] if each["name"] == "films-weekly")
    assert nightly["global_concurrency_limit"] == weekly["global_concurrency_limit"]
    # A schedule makes runs: that is what the version of SQLAlchemy is pinned for.
    for _ in range(120):
        due = {
            "deployments": {"id": {"any_": [nightly["id"]]}},
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        }
        if client.post("/flow_runs/count", json=due).raise_for_status().json():
            break
        time.sleep(0.25)
    else:
        pytest.fail("the server's scheduler made no run of a deployment with a schedule")

    # What a person did at the server stays, and what the file says is changed.
    client.post(f"/deployments/{nightly['id']}/pause_deployment").raise_for_status()
    document["deployments"][0]["schedules"][0]["cron"] = "0 3 * * *"
    gone = document["deployments"].pop()
    path.write_text(yaml.safe_dump(document))
    report = deployed(path)
    left = f"deployment review-report/{gone['name']}"
    assert {each["name"]: each["fields"] for each in report["changes"] if each["action"] == "changed"} == {
        "curate-file/films-nightly": ["schedules"]
    }
    assert actions(report)[left] == "left"
    now = client.get(f"/deployments/{nightly['id']}").raise_for_status().json()
    assert now["paused"] and [each["schedule"]["cron"] for each in now["schedules"]] == ["0 3 * * *"]
    assert now["id"] == nightly["id"] and now["global_concurrency_limit"] == nightly["global_concurrency_limit"]

    # --prune removes only what this file set up, and no limit that others share.
    document["deployments"] = [each for each in document["deployments"] if each["name"] != "films-weekly"]
    path.write_text(yaml.safe_dump(document))
    pruned = deployed(path, "--prune")
    assert actions(pruned) == {left: "removed", "deployment refresh/films-weekly": "removed"}
    there = everything(client)
    mine = {each["name"] for each in there["deployments"] if MARK in each["tags"]}
    assert mine == {each["name"] for each in document["deployments"]}
    others = [[each for each in found["deployments"] if MARK not in each["tags"]] for found in (before, there)]
    assert others[0] == others[1]
    assert client.get(f"/v2/concurrency_limits/{nightly['global_concurrency_limit']['id']}").status_code == 200
    assert deployed(path, "--prune")["changes"] == []


def test_a_server_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.chdir(ROOT)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        done = in_process("deploy", "--dry-run")
    assert done.returncode == 2 and "no Prefect server answers at http://127.0.0.1:9/api" in done.stderr
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        done = in_process("deploy", "--dry-run")
    assert done.returncode == 2 and "PREFECT_API_URL is not set" in done.stderr
