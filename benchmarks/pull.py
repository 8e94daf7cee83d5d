"""How fast verdicts come from Label Studio into the ledger, against its own export of the same project, and the memory.

A real server, started here. Every task has one annotation that changes a caption and has a verdict, as the screen makes
it. Beside it a plain loop over the same pages, and the server's export of the whole project (JSON, all tasks) in one
request, which is faster than its pages but neither incremental nor flat in memory, and leaves files on its disk.
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
from annotation.label_studio.client import LabelStudio
from annotation.label_studio.http import PAGE
from annotation.label_studio.interface import DECISIONS, NAMES
from annotation.label_studio.project import make_project
from annotation.label_studio.server import serving
from annotation.pull.pull import pull
from annotation.push.media import Media, Shown
from annotation.push.missing import CHUNK
from annotation.push.task import build_task
from benchmarks.instant import trivial_videos
from benchmarks.processes import apart, peak
from benchmarks.review import FEW, SECONDS, fill
from curation.ledger.samples import samples_of
from curation.pipeline.services import Services
from curation.review.content_hash import content_sha256
from curation.workspace import Workspace
from flows.cli.app import collect_rarely


def judged(task: dict[str, Any], number: int) -> dict[str, Any]:
    """The task with the annotation of somebody who corrected its first caption and decided."""
    result = [dict(part) for part in task["predictions"][0]["result"]]
    caption = next(part for part in result if part["from_name"] == f"{NAMES.caption}0")
    caption["value"] = {"text": [f"Corrected: {caption['value']['text'][0]}"]}
    decision = DECISIONS[number % len(DECISIONS)]
    value = {"choices": [decision]}
    result.append({"from_name": NAMES.decision, "to_name": NAMES.video, "type": "choices", "value": value})
    return task | {"annotations": [{"result": result, "lead_time": 20.0}]}


def annotate(place: Workspace, access: Access, title: str, count: int) -> int:
    """A project of ours with `count` tasks that are judged; returns its number."""
    with LabelStudio(access) as server:
        project = make_project(server, title).project.id
    with (
        Services(place.config(), place.ledger(), place.store()) as services,
        closing(services.ledger),
        httpx.Client(base_url=access.url, headers={"Authorization": f"Token {access.token}"}, timeout=300) as http,
    ):
        shown: Shown | None = None
        names = [f"v{number:06d}" for number in range(count)]
        for start in range(0, count, CHUNK):
            tasks = []
            for number, one in enumerate(samples_of(services.ledger, names[start : start + CHUNK])):
                shown = shown or Media(place.root, services).publish(one)
                task = build_task(one, content_sha256(one), "random", shown, None)
                tasks.append(judged(task, start + number))
            http.post(f"/api/projects/{project}/import", json=tasks).raise_for_status()
    return project


def export(access: Access, project: int) -> tuple[int, float]:
    """How many annotations Label Studio's own export gives, and the seconds that it takes."""
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
    """The seconds that a loop over the server's own pages takes which does nothing with them."""
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
    """In a process of its own: pull; sends seconds, what was new, and how much memory it took in MB."""
    collect_rarely()  # as the command does
    place = Workspace(root)
    with closing(place.ledger()) as ledger:
        before, began = peak(), time.perf_counter()
        result = pull(place.root, ledger, find_access(place.root), title)
        answer.send({"seconds": time.perf_counter() - began, "new": result.new, "mb": peak() - before})


def measure(count: int) -> dict[str, Any]:
    """Start a server with `count` judged tasks; pull them, and pull again, beside its own export."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = next(trivial_videos(folder / "film", 1, SECONDS).iterdir())
        place = fill(folder / "run", count, film)
        with serving(place.root, None) as running:
            annotate(place, running.access, "few", min(FEW, count))
            project = annotate(place, running.access, "bench", count)
            small = apart(measure_pull, place.root, "few")
            first = apart(measure_pull, place.root, "bench")
            exported, seconds = export(running.access, project)
            listed = listing(running.access, project)
            second = apart(measure_pull, place.root, "bench")
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
    """Run the benchmark; `--json` is how it always answers."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    print(json.dumps(measure(parser.parse_args().samples)))


if __name__ == "__main__":
    main()
