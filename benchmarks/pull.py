"""Measures speed and memory of pulling verdicts from Label Studio into the ledger.

It starts a real server. Every task has one annotation with a changed caption and a verdict, as the screen writes them.
There are two baselines: a loop that only reads the same pages, and the server's own export of the whole project (JSON,
all tasks) in one request. The export is faster than the pages, but it is not incremental, its memory grows with the
project, and it leaves files on the server's disk.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from annotation.label_studio.access import Access, find_access
from annotation.label_studio.client import PAGE, LabelStudio
from annotation.label_studio.interface import DECISIONS, NAMES
from annotation.label_studio.project import make_project
from annotation.label_studio.server import serving
from annotation.pull.pull import pull
from annotation.push.media import Media, Shown
from annotation.push.missing import CHUNK
from annotation.push.task import build_task
from benchmarks.instant import trivial_videos
from benchmarks.processes import in_fresh_process, peak_memory
from benchmarks.review import FEW, SECONDS, fill
from curation.ledger.samples import samples_of
from curation.pipeline.services import open_services
from curation.review.content_hash import content_sha256
from curation.workspace import Workspace
from flows.cli.app import collect_rarely


def judged(task: dict[str, Any], number: int) -> dict[str, Any]:
    """The task with an annotation that corrects its first caption and has a verdict."""
    result = [dict(part) for part in task["predictions"][0]["result"]]
    caption = next(part for part in result if part["from_name"] == NAMES.captions)
    caption["value"] = caption["value"] | {"text": [f"Corrected: {caption['value']['text'][0]}"]}
    decision = DECISIONS[number % len(DECISIONS)]
    value = {"choices": [decision]}
    result.append({"from_name": NAMES.decision, "to_name": NAMES.video, "type": "choices", "value": value})
    return task | {"annotations": [{"result": result, "lead_time": 20.0}]}


def annotate(place: Workspace, access: Access, title: str, count: int) -> int:
    """Make one of this project's Label Studio projects with `count` judged tasks. Returns its number."""
    with LabelStudio(access) as server:
        project = make_project(server, title).project.id
    with (
        open_services(place) as services,
        closing(services.ledger),
        httpx.Client(base_url=access.url, headers={"Authorization": f"Token {access.token}"}, timeout=300) as http,
    ):
        shown: Shown | None = None
        names = [f"v{number:06d}" for number in range(count)]
        for start in range(0, count, CHUNK):
            tasks = []
            for number, each in enumerate(samples_of(services.ledger, names[start : start + CHUNK])):
                shown = shown or Media(place.root, services).publish(each)
                task = build_task(each, content_sha256(each), "random", shown, None)
                tasks.append(judged(task, start + number))
            http.post(f"/api/projects/{project}/import", json=tasks).raise_for_status()
    return project


def export(access: Access, project: int) -> tuple[int, float]:
    """Export a project by Label Studio's own export. Returns the number of annotations and the seconds."""
    began = time.perf_counter()
    answer = httpx.get(
        f"{access.url}/api/projects/{project}/export",
        params={"exportType": "JSON", "download_all_tasks": "true"},
        headers={"Authorization": f"Token {access.token}"},
        timeout=600,
    )
    answer.raise_for_status()
    return sum(len(task["annotations"]) for task in answer.json()), time.perf_counter() - began


def listing(access: Access, project: int) -> float:
    """The seconds of a loop that only reads the server's pages."""
    began, last, count = time.perf_counter(), 0, PAGE
    with httpx.Client(base_url=access.url, headers={"Authorization": f"Token {access.token}"}, timeout=300) as http:
        while count == PAGE:
            above = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": last}
            query = {"filters": {"conjunction": "and", "items": [above]}, "ordering": ["tasks:id"]}
            fixed = f"project={project}&page=1&page_size={PAGE}&fields=all&resolve_uri=false"
            rows = http.get(f"/api/tasks/?{fixed}&{urlencode({'query': json.dumps(query)})}").json()["tasks"]
            count, last = len(rows), rows[-1]["id"] if rows else 0
    return time.perf_counter() - began


def measure_pull(root: Path, title: str, answer: Any) -> None:
    """Pull, in a process of its own. Sends the seconds, the number of new verdicts, and the memory used in MB."""
    collect_rarely()  # as the command does
    place = Workspace(root)
    with closing(place.ledger()) as ledger:
        before, began = peak_memory(), time.perf_counter()
        result = pull(place.root, ledger, find_access(place.root), title)
        answer.send({"seconds": time.perf_counter() - began, "new": result.new, "mb": peak_memory() - before})


def measure(count: int) -> dict[str, Any]:
    """Start a server with `count` judged tasks, pull them twice, and time the two baselines."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = next(trivial_videos(folder / "film", 1, SECONDS).iterdir())
        place = fill(folder / "run", count, film)
        with serving(place.root, None) as running:
            annotate(place, running.access, "few", min(FEW, count))
            project = annotate(place, running.access, "bench", count)
            small = in_fresh_process(measure_pull, place.root, "few")
            first = in_fresh_process(measure_pull, place.root, "bench")
            exported, seconds = export(running.access, project)
            listed = listing(running.access, project)
            second = in_fresh_process(measure_pull, place.root, "bench")
    return {
        "annotations": count,
        "new": first["new"],
        "pull_per_second": round(count / first["seconds"], 1),
        "listing_per_second": round(count / listed, 1),
        "export_per_second": round(exported / seconds, 1),
        "to_listing": round(listed / first["seconds"], 3),
        "to_export": round(seconds / first["seconds"], 3),
        "goal_ratio": 0.8,
        "second_new": second["new"],
        "second_seconds": round(second["seconds"], 2),
        "second_to_first": round(second["seconds"] / first["seconds"], 3),
        "memory_mb": {str(min(FEW, count)): round(small["mb"], 1), str(count): round(first["mb"], 1)},
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks pull", description=main.__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    print(json.dumps(measure(parser.parse_args().samples)))


if __name__ == "__main__":
    main()
