"""`v2xum deploy` on a real server: twice changes nothing, a change is mended, what is left out is named or removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from schemas.repository import ROOT
from tests.deployed import own_file, remove_deployed, server_client
from tests.runs import CONFIG, in_process

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
MARK = "deployed-by:films"


@pytest.fixture
def client(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.chdir(ROOT)
    with server_client(server) as client, temporary_settings({PREFECT_API_URL: server}):
        yield client
        remove_deployed(client, "films")


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


def films_file(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The program's file under other names, so that it stands beside what other tests deploy."""
    document = own_file("films")
    for each in document["deployments"]:
        each["name"] = f"films-{each['name']}"
    for each in document["automations"]:
        for key in ("run", "pause"):
            if key in each:
                each[key] = each[key].replace("/", "/films-")
    hourly = next(each for each in document["deployments"] if each["name"] == "films-hourly")
    hourly["schedules"] = [{"cron": "0 9 * * *", "slug": "noon"}, {"cron": "0 1 * * *", "slug": "early"}]
    path = folder / "prefect.yaml"
    path.write_text(yaml.safe_dump(document))
    return path, document


def wait_for(found: Callable[[], Any], what: str) -> None:
    for _ in range(240):
        if found():
            return
        time.sleep(0.25)
    pytest.fail(what)


def test_twice_changes_nothing_and_a_change_is_mended(client: httpx.Client, tmp_path: Path) -> None:
    path, document = films_file(tmp_path)
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
    assert [each["schedule"]["cron"] for each in nightly["schedules"]] == ["0 2 * * *"]
    # A schedule makes runs: that is what the version of SQLAlchemy is pinned for.
    due = {"deployments": {"id": {"any_": [nightly["id"]]}}}
    wait_for(
        lambda: client.post("/flow_runs/count", json=due).raise_for_status().json(),
        "the server's scheduler made no run of a deployment with a schedule",
    )

    # What a person did at the server stays, and what the file says is changed.
    budget = {"parameters": {**nightly["parameters"], "max_hours": 6}}
    client.patch(f"/deployments/{nightly['id']}", json=budget).raise_for_status()
    client.post(f"/deployments/{nightly['id']}/pause_deployment").raise_for_status()
    alarm = next(each for each in after["automations"] if each["name"] == "films binding-alarm")
    client.patch(f"/automations/{alarm['id']}", json={"enabled": False}).raise_for_status()
    for each in document["automations"]:
        if each["name"] == "binding-alarm":
            each["description"] = "Look at the report."
    document["deployments"][0]["schedules"][0]["cron"] = "0 3 * * *"
    gone = document["deployments"].pop()
    path.write_text(yaml.safe_dump(document))
    report = deployed(path)
    left = f"deployment evaluate/{gone['name']}"
    assert {each["name"]: each["fields"] for each in report["changes"] if each["action"] == "changed"} == {
        "curate-file/films-nightly": ["schedules"],
        "films binding-alarm": ["description"],
    }
    assert actions(report)[left] == "left"
    now = client.get(f"/deployments/{nightly['id']}").raise_for_status().json()
    assert now["paused"] and now["parameters"] == budget["parameters"]
    assert [each["schedule"]["cron"] for each in now["schedules"]] == ["0 3 * * *"]
    assert now["id"] == nightly["id"] and now["global_concurrency_limit"] == nightly["global_concurrency_limit"]

    assert not client.get(f"/automations/{alarm['id']}").raise_for_status().json()["enabled"]

    # --prune removes only what this file set up, and no limit that others share.
    document["deployments"] = [each for each in document["deployments"] if each["name"] != "films-weekly"]
    document["automations"] = [each for each in document["automations"] if each["name"] != "release-published"]
    path.write_text(yaml.safe_dump(document))
    pruned = deployed(path, "--prune")
    assert actions(pruned) == {
        left: "removed",
        "deployment refresh/films-weekly": "removed",
        "automation films release-published": "removed",
    }
    there = everything(client)
    mine = {each["name"] for each in there["deployments"] if MARK in each["tags"]}
    assert mine == {each["name"] for each in document["deployments"]}
    others = [[each for each in found["deployments"] if MARK not in each["tags"]] for found in (before, there)]
    assert others[0] == others[1]
    assert client.get(f"/v2/concurrency_limits/{nightly['global_concurrency_limit']['id']}").status_code == 200
    assert deployed(path, "--prune")["changes"] == []


STOPPED = """
import sys
from pathlib import Path
from curation.workspace import Workspace
from flows.scheduled import curate_file
from schemas.errors import BudgetReached, ConfigError, WorkspaceBusy
config, workspace, films = sys.argv[1:]
try:
    curate_file(config, workspace, (f"sources=[{{at: {films}}}]",), 1, max_hours=1e-9)
except BudgetReached:
    print("stopped at the budget")
with Workspace(Path(workspace)).lock():
    try:
        curate_file(config, workspace, (f"sources=[{{at: {films}}}]",), 1)
    except WorkspaceBusy:
        print("busy")
for _ in range(3):
    try:
        curate_file(config, workspace)
    except ConfigError:
        print("failed")
"""


def test_events_of_a_run_are_followed_by_what_the_file_says(
    client: httpx.Client, server: str, films: Path, tmp_path: Path
) -> None:
    path, _ = films_file(tmp_path)
    workspace = tmp_path / "followed-films"  # events know a workspace by this name, and other tests emit some too
    deployed(path, "--workspace", str(workspace))
    push, nightly = (
        client.get(f"/deployments/name/{name}").raise_for_status().json()
        for name in ("review-push/films-nightly", "curate-file/films-nightly")
    )
    assert nightly["parameters"]["workspace"] == str(workspace)
    words = [sys.executable, "-c", STOPPED, str(CONFIG), str(workspace), str(films / "film 0.mp4")]
    environment = {**os.environ, "PREFECT_API_URL": server, "PYTHONWARNINGS": "", "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.split("\n")[:-1] == ["stopped at the budget", "busy", *["failed"] * 3], done.stderr

    def run_by_automation() -> bool:
        runs = client.post("/flow_runs/filter", json={"deployments": {"id": {"any_": [push["id"]]}}}).json()
        return any(not each["auto_scheduled"] for each in runs)

    wait_for(run_by_automation, "the budget's event did not run review-push")
    wait_for(
        lambda: client.get(f"/deployments/{nightly['id']}").json()["paused"], "three failures did not pause curate-file"
    )
    about = {"filter": {"resource": {"id": [f"v2xum.workspace.{workspace.name}"]}}}

    def events_of_it() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.post("/events/filter", json=about).raise_for_status().json()["events"]
        return found

    wait_for(lambda: len(events_of_it()) >= 4, "the server stored no four events of the workspace")
    events = events_of_it()
    assert sorted(each["event"] for each in events) == ["v2xum.run.budget-reached", *["v2xum.run.failed"] * 3]
    told = {each["event"]: each["payload"] for each in events}
    assert told["v2xum.run.failed"] == {"workspace": workspace.name, "flow": "curate", "reason": "ConfigError"}
    budget = told["v2xum.run.budget-reached"]
    assert budget["reason"] == "BudgetReached" and budget["samples"] == 0 and "--max-hours" in budget["message"]
    assert str(tmp_path) not in json.dumps(told)


def test_a_server_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.chdir(ROOT)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        done = in_process("deploy", "--dry-run")
    assert done.returncode == 2 and "no Prefect server answers at http://127.0.0.1:9/api" in done.stderr
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        done = in_process("deploy", "--dry-run")
    assert done.returncode == 2 and "PREFECT_API_URL is not set" in done.stderr
