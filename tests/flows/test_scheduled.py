"""configs/schedules/prefect.yaml on a real server: all deployments with a schedule, and one without, in one worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from annotation.label_studio.access import TOKEN, URL
from curation.workspace import Workspace
from schemas.configuration.loading import load_config
from tests.curation.release.refresh.released import at, released
from tests.deployed import own_file, remove_deployed, server_client
from tests.evaluation.datasets import right, scripts, write_predictions, write_references
from tests.runs import CONFIG, ROOT, in_process

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
POOL = "scheduled"  # and the name of the file: no other test starts a run in it
NO_SERVER = "ConfigError: no Label Studio server is known"
# What every deployment of prefect.yaml ends with here: the type of the state, and words of its message.
ENDS = {
    "curate-file/nightly": ("COMPLETED", ""),
    "refresh/weekly": ("COMPLETED", ""),
    "evaluate/on-demand": ("COMPLETED", ""),
    "review-push/nightly": ("FAILED", NO_SERVER),
    "review-pull/hourly": ("FAILED", NO_SERVER),
    "review-report/nightly": ("COMPLETED", ""),
}


@pytest.fixture(scope="module")
def environment(server: str) -> dict[str, str]:
    """The environment of Prefect's command line and of the worker: this server, and no Label Studio."""
    rest = {name: value for name, value in os.environ.items() if name not in (URL, TOKEN)}
    return {**rest, "PREFECT_API_URL": server, "PYTHONWARNINGS": ""}


def prefect(environment: dict[str, str], *arguments: str) -> None:
    """Call Prefect's command line in the repository's folder; when it takes too long, end all of its processes."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=400)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output[-4000:]


@pytest.fixture(scope="module")
def client(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the server, to which all of prefect.yaml is deployed, without its schedules.

    A schedule that is due would begin runs in the checkout's folder meanwhile. The refresh is of a workspace of its
    own: in that of the nightly run it would wait for that one's end.
    """
    document = own_file(POOL)
    for each in document["deployments"]:
        each.pop("schedules", None)
        if each["entrypoint"] == "flows.refresh.refresh":
            each["parameters"]["workspace"] = "data/runs/weekly"
    file = tmp_path_factory.mktemp("deployed") / "prefect.yaml"
    file.write_text(yaml.safe_dump(document))
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: server}):
        done = in_process("deploy", file)
    assert done.returncode == 0, done.stderr
    with server_client(server) as client:
        yield client
        remove_deployed(client, POOL)


def deployment(client: httpx.Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/deployments/name/{name}").raise_for_status().json()
    return found


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the runs read from and write to: predictions, references, an empty workspace to review."""
    folder = tmp_path_factory.mktemp("scheduled")
    write_references(folder / "references.json", 3)
    write_predictions(folder / "predictions.jsonl", [right(*item) for item in scripts(3).items()])
    (folder / "film.mp4").write_bytes(b"f" * 123_456)
    with released(folder / "refreshed", [at("v0", str(folder / "film.mp4"))]):
        pass
    (folder / "film.mp4").write_bytes(b"another film")
    reviewed = Workspace(folder / "reviewed")
    reviewed.ledger().close()
    reviewed.save_config(load_config(CONFIG))
    return folder


@pytest.fixture(scope="module")
def states(client: httpx.Client, environment: dict[str, str], films: Path, places: Path) -> dict[str, dict[str, Any]]:
    """The last state of a run of every deployment, after one worker carried them all."""
    request = {"predictions": [str(places / "predictions.jsonl")], "references": [str(places / "references.json")]}
    review = {"workspace": str(places / "reviewed")}
    parameters: dict[str, dict[str, Any]] = {
        "curate-file/nightly": {
            "config": str(CONFIG),
            "workspace": str(places / "curated"),
            "overrides": [f"sources=[{{at: {films}}}]"],
            "limit": 2,
        },
        "refresh/weekly": {"workspace": str(places / "refreshed")},
        "evaluate/on-demand": {**request, "split": [], "out": str(places / "evaluation"), "text": False},
        **dict.fromkeys(("review-push/nightly", "review-pull/hourly", "review-report/nightly"), review),
    }
    runs = {}
    for name, given in parameters.items():
        path = f"/deployments/{deployment(client, name)['id']}/create_flow_run"
        runs[name] = client.post(path, json={"parameters": given}).raise_for_status().json()["id"]
    # With a limit, the worker waits for what it started before it ends. Automations of these runs may add one more.
    prefect(environment, "worker", "start", "--pool", POOL, "--type", "process", "--run-once", "--limit", "12")
    found = {name: client.get(f"/flow_runs/{run}").raise_for_status().json() for name, run in runs.items()}
    assert found["curate-file/nightly"]["name"] == f"curate-file {places / 'curated'}"
    return {name: run["state"] for name, run in found.items()}


def test_every_schedule_of_the_file_is_covered(client: httpx.Client) -> None:
    document = yaml.safe_load((ROOT / "configs" / "schedules" / "prefect.yaml").read_text())
    entrypoints = {each["entrypoint"] for each in document["deployments"] if "schedules" in each}
    covered = {deployment(client, name)["entrypoint"] for name in ENDS}
    assert covered - entrypoints == {"flows.scheduled.evaluate"} and entrypoints < covered


@pytest.mark.parametrize("name", ENDS)
def test_a_worker_runs_it_to_the_state_that_is_right(states: dict[str, dict[str, Any]], name: str) -> None:
    kind, words = ENDS[name]
    assert (states[name]["type"], words in (states[name]["message"] or "")) == (kind, True), states[name]


def test_the_runs_wrote_what_they_are_for(
    states: dict[str, dict[str, Any]], client: httpx.Client, places: Path
) -> None:
    named = {"artifacts": {"key": {"any_": ["curate-report", "curate-worst"]}}}
    found = client.post("/artifacts/latest/filter", json=named).raise_for_status().json()
    artifacts = {one["key"]: one for one in found}
    assert "curate-report" in artifacts and "data:image/jpeg;base64," in artifacts["curate-worst"]["data"]
    assert (places / "curated" / "export" / "manifest.json").is_file()
    assert (places / "evaluation" / "report.html").is_file()
    assert (places / "reviewed" / "report" / "review.html").is_file()
    with closing(Workspace(places / "refreshed").ledger()) as ledger:
        assert ledger.rechecks(["v0"])["v0"].reason == "file_changed"


def test_the_parameters_of_the_file_are_valid_and_one_run_a_workspace_is_kept(client: httpx.Client) -> None:
    nightly = deployment(client, "curate-file/nightly")
    assert nightly["work_pool_name"] == POOL
    shared = deployment(client, "release/on-demand")["global_concurrency_limit"]
    assert nightly["global_concurrency_limit"] == shared and shared["limit"] == 1
    load_config(ROOT / nightly["parameters"]["config"])
