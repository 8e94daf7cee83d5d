"""The commands `v2xum review` as a user runs them, and their flows on a real Prefect server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from annotation.label_studio.access import URL, Access, read_access
from schemas.kit.local_process import free_port
from tests.annotation.people import Api
from tests.annotation.workspaces import ROOT, Film, make_workspace
from tests.runs import in_process, run_flow

pytestmark = [pytest.mark.slow, pytest.mark.labelstudio]
FILMS = [Film(f"film-{n}", {0: f"Caption {n}.", 2: "Another."}, seconds=4) for n in range(3)]


def review(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`v2xum review` with the server that the workspace names: in this process, unless it takes over the signals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(URL, raising=False)
        if arguments[0] not in ("listen", "serve"):
            return in_process("review", *arguments)
        command = [sys.executable, "-m", "flows.cli", "review", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, prepare_review: Callable[[Path], None]
) -> Iterator[tuple[Path, list[str], subprocess.Popen[str]]]:
    """A workspace for which `v2xum review serve` runs, the printed lines, and the process."""
    root = make_workspace(tmp_path_factory.mktemp("commands") / "run", FILMS).root
    prepare_review(root)
    command = [sys.executable, "-m", "flows.cli", "review", "serve", str(root), "--port", str(free_port())]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        if line.startswith("Ctrl-C"):
            break
    yield root, printed, process
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=60)


def test_serve_push_judge_pull_report(served: tuple[Path, list[str], subprocess.Popen[str]]) -> None:
    root, printed, process = served
    access = read_access(root)
    assert access is not None
    shown = "".join(printed)
    assert access.url in shown and access.password in shown and access.token not in shown
    assert review("serve", root).returncode == 2, "one server a workspace"
    stranger = httpx.post(f"{access.url}/user/signup/", data={"email": "a@b.example", "password": "12345678"})
    assert stranger.status_code >= 400, "nobody signs up without an invitation"

    done = review("push", root, "--json")
    assert done.returncode == 0, done.stderr
    pushed: dict[str, Any] = json.loads(done.stdout)
    assert (pushed["added"], pushed["failed"]) == (3, [])
    again = review("push", root)
    assert again.returncode == 0 and "0 added, 3 exist already" in again.stdout
    api = Api(access)
    for task in api.tasks(pushed["project"]):
        api.judge(task, "accept")
    pulled = review("pull", root, "--json")
    assert pulled.returncode == 0, pulled.stderr
    assert json.loads(pulled.stdout)["new"] == 3
    report = review("report", root, "--json")
    assert report.returncode == 0 and json.loads(report.stdout)["name"] == "films"
    assert (root / "report" / "review.html").exists()
    secrets = (access.token, access.password)
    for path in root.rglob("*"):
        if path.is_file() and "label-studio" not in path.parts and path.name != "access.json":
            data = path.read_bytes()
            assert not any(secret.encode() in data for secret in secrets), path

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0 and "is stopped" in said
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{access.url}/health")
    gone = review("push", root)
    assert gone.returncode == 2 and "no server answers there" in gone.stderr


def test_files_outside_the_media_folder_are_not_served(access: Access, server_root: Path) -> None:
    secret = server_root / "review" / "access.json"
    assert secret.exists()
    headers = {"Authorization": f"Token {access.token}"}
    for path in ("../access.json", "..%2Faccess.json", str(secret), "media/../../access.json", "media/../secret.txt"):
        answer = httpx.get(f"{access.url}/data/local-files/?d={path}", headers=headers, follow_redirects=True)
        assert answer.status_code >= 400 and access.token not in answer.text, path


@pytest.mark.prefect
def test_the_flows_push_pull_and_tell_when_a_batch_is_complete(server: str, workspace: Any, access: Access) -> None:
    place = workspace(FILMS[:2], "flow-run")

    def flow(name: str) -> dict[str, Any]:
        found: dict[str, Any] = run_flow(server, "flows.review", name, {"workspace": str(place.root)})
        return found

    pushed = flow("review_push")
    assert pushed["added"] == 2
    api = Api(access)
    for task in api.tasks(pushed["project"]):
        api.judge(task, "accept")
    assert flow("review_pull")["completed"] == 2
    assert flow("review_pull")["completed"] == 0
    assert flow("review_report")["progress"]["samples"] == 2
    events = [
        one for one in emitted(server, "v2xum.review.batch-complete") if one["payload"]["project"] == pushed["title"]
    ]
    assert [one["payload"]["tasks"] for one in events] == [2]


def emitted(server: str, event: str) -> list[dict[str, Any]]:
    """The Prefect server's events of a kind; an event arrives a moment after it was sent."""
    import time

    for _ in range(60):
        body = {"filter": {"event": {"name": [event]}, "occurred": {"since": "2020-01-01T00:00:00Z"}}}
        found: list[dict[str, Any]] = httpx.post(f"{server}/events/filter", json=body).json()["events"]
        if found:
            return found
        time.sleep(0.5)
    return []
