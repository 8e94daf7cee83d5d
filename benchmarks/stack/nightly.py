"""One night of a dataset on a running stack: a schedule curates, people review, and a release is made.

The server's scheduler starts the curation, and a Prefect worker runs it. The review's push and pull and the release
are deployments too, started as a person would start them; the report follows on an event. The annotator is simulated:
Label Studio gets annotations by its own interface, as the screen would send them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from annotation.label_studio.access import read_access
from annotation.label_studio.interface import NAMES
from benchmarks.stack.picture import take_picture
from benchmarks.stack.prefect_runs import Runs
from benchmarks.stack.stack import NODES, Stack
from demo import site
from schemas.errors import RunStopped
from schemas.repository import ROOT

VERSION = "0.1.0"
CURATE = "curate-file/nightly"
_CURATION, _STEP = 1500.0, 300.0  # seconds at most


def nightly(running: Stack, videos: int, picture: Path | None, report: Callable[[str], None]) -> dict[str, Any]:
    """Run the night on the demo's site with so many good videos; what came of it, and whether all counts are right.

    Raises RunStopped, with its messages, when a flow run did not complete.
    """
    report("rendering films ...")
    folder = running.folder / "site"
    offered = site.build(folder, videos)
    films = running.folder / "videos.csv"
    site.write_list(films, running.serve_films(folder), offered)
    config = running.config(films)
    report("deploying ...")
    _deploy(running, config)
    with running.prefect() as http:
        runs = Runs(http)
        began = time.monotonic()
        schedule = runs.schedule_soon(CURATE)
        curation = runs.begun(CURATE, _STEP)
        runs.unschedule(CURATE, schedule)
        report(f"the schedule began the run {curation['name']} ...")
        curated = runs.ended(curation, _CURATION)
        took = time.monotonic() - began
        counts = json.loads(running.run("-m", "flows.cli", "status", running.workspace, "--json"))
        report(f"{counts['samples']} samples of {counts['videos']} videos; pushing them to Label Studio ...")
        runs.ended(runs.start("review-push/nightly"), _STEP)
        tasks = _judge(running)
        report(f"{tasks} tasks were judged; pulling the verdicts ...")
        runs.ended(runs.start("review-pull/hourly"), _STEP)
        report("no task is open: an automation of the server begins the review's report ...")
        runs.ended(runs.begun("review-report/nightly", _STEP), _STEP)
        runs.ended(runs.start("release/on-demand", version=VERSION), _STEP)
        if picture is not None:
            take_picture(running.at["prefect"], running.password, f"/runs/flow-run/{curated['id']}", picture)
    manifest = json.loads((running.workspace / "releases" / VERSION / "manifest.json").read_text())
    found = {
        "videos": counts["videos"],
        "samples": counts["samples"],
        "pending": counts["pending"] + counts["retryable"],
        "scheduled": bool(curated["auto_scheduled"]),
        "seconds": round(took, 1),
        "tasks": tasks,
        "reviewed": manifest["review"]["samples"] - manifest["review"]["unreviewed"],
        "released": manifest["samples"],
        "nodes": NODES + 1,
    }
    right = found["scheduled"] and not found["pending"] and tasks == found["samples"]
    # The annotator rejected one sample, which is in no release.
    return {**found, "ok": bool(right and found["released"] == found["reviewed"] == tasks - 1 > 0)}


def _deploy(running: Stack, config: Path) -> None:
    """Set up the deployments for this configuration and workspace, and see that a second time changes nothing.

    Raises RunStopped where it does.
    """
    words = ["-m", "flows.cli", "deploy", "--config", config, "--workspace", shown(running.workspace), "--json"]
    changes = [json.loads(running.run(*words))["changes"] for _ in range(2)]
    if not changes[0] or changes[1]:
        raise RunStopped(f"v2xum deploy changed {len(changes[0])} things, and then {len(changes[1])}")


def _judge(running: Stack) -> int:
    """Judge every task as an annotator who accepts all samples but the first; how many tasks there were."""
    access = read_access(running.workspace)
    if access is None:
        raise RunStopped("Label Studio's access is gone")
    with httpx.Client(base_url=access.url, headers={"Authorization": f"Token {access.token}"}, timeout=60) as http:
        project = _json(http.get("/api/projects/"))["results"][0]["id"]
        asked = {"project": project, "page_size": 500, "fields": "all"}
        tasks = _json(http.get("/api/tasks/", params=asked))["tasks"]
        for number, task in enumerate(tasks):
            verdict = {
                "from_name": NAMES.decision,
                "to_name": NAMES.video,
                "type": "choices",
                "value": {"choices": ["accept" if number else "reject"]},
            }
            body = {"result": [*task["predictions"][0]["result"], verdict], "lead_time": 12.5}
            for _ in range(max(1, task.get("overlap", 1))):
                _json(http.post(f"/api/tasks/{task['id']}/annotations/", json=body))
    return len(tasks)


def shown(path: Path) -> str:
    """A path as runs, which work in the checkout, are told it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _json(answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise RunStopped(f"Label Studio: {answer.request.url.path}: {answer.status_code} {answer.text[:500]}")
    return answer.json()
