"""Pushes that are killed leave the server, in the end, as an undisturbed push does."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from annotation.label_studio.access import Access, write_access
from curation.review.verdict_store import Reviews
from curation.workspace import Workspace
from tests.annotation.people import Api, pull, push_all
from tests.annotation.proxy import proxy
from tests.annotation.workspaces import ROOT, Film, add_films, services_of

pytestmark = [pytest.mark.slow, pytest.mark.labelstudio]
Make = Callable[..., Workspace]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def films(count: int, word: str = "first") -> list[Film]:
    return [Film(f"film-{n:03d}", {0: f"The {word} caption {n}.", 2: "x"}, seconds=4) for n in range(count)]


def command(place: Workspace, title: str, folder: Path, settle: float) -> list[str]:
    """A command that pushes every sample of a workspace, in batches of 7, to the server that its files name.

    `settle`: for how many seconds it waits for a batch that a killed push had sent.
    """
    script = folder / "push.py"
    script.write_text(PUSHER, encoding="utf-8")
    return [sys.executable, str(script), str(place.root), title, str(settle)]


class Point(NamedTuple):
    """A moment in a push: the `number`th request of a kind; `answered`: the server has carried it out."""

    method: str
    path: str
    number: int
    answered: bool


# The samples are sent in batches of 7, 6 and 3. Each push goes on where the one before was killed.
POINTS = [
    Point("POST", "/import", 1, False),
    Point("POST", "/import", 2, False),
    Point("POST", "/import", 1, True),
    Point("DELETE", "/api/tasks/", 1, False),
    Point("DELETE", "/api/tasks/", 1, True),
    Point("DELETE", "/api/tasks/", 4, False),
    Point("PATCH", "/api/tasks/", 1, False),
    Point("PATCH", "/api/tasks/", 2, True),
    Point("GET", "/api/tasks/?", 3, False),
]


@contextmanager
def killing(access: Access, place: Workspace, argv: list[str]) -> Iterator[Callable[[Point], int]]:
    """A function that starts a push and kills it at a point; it returns the push's exit code."""
    with proxy(access.url) as before:
        write_access(place.root, access.model_copy(update={"url": before.url}))

        def run(point: Point) -> int:
            seen = 0

            def kill_at(answered: bool) -> Callable[[str, str], None]:
                def act(method: str, path: str) -> None:
                    nonlocal seen
                    if method == point.method and point.path in path and answered == point.answered:
                        seen += 1
                        if seen == point.number:
                            process.kill()
                            process.wait(timeout=60)

                return act

            before.on_request, before.on_answer = kill_at(False), kill_at(True)
            process = subprocess.Popen(argv, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.communicate(timeout=240)
            return process.returncode

        yield run
        write_access(place.root, access)


def scene(place: Workspace, access: Access, title: str, count: int) -> int:
    """A project whose samples changed after a push. One task is judged, one skipped, one begun. Returns its number."""
    api = Api(access)
    done = push_all(place, access, title)
    judged, skipped, begun, *_ = api.tasks(done.project)
    api.judge(judged, "accept")
    api.judge(skipped, None, was_cancelled=True)
    api.call("POST", f"/api/tasks/{begun['id']}/drafts", json={"result": [], "lead_time": 3})
    with services_of(place) as services, closing(services.ledger):
        add_films(services, films(count, "second"))
    return done.project


def state(access: Access, project: int) -> Counter[tuple[object, ...]]:
    """What the project's tasks are, apart from their numbers."""
    return Counter(
        (
            task["data"]["sample_id"],
            task["data"]["frames"][0]["caption"],
            task["overlap"],
            len(task["predictions"]),
            len(task["annotations"]),
            len(task["drafts"]),
        )
        for task in Api(access).tasks(project)
    )


def test_a_push_after_a_killed_one_removes_what_is_stale_and_the_next_adds_nothing(
    workspace: Make, access: Access, title: str, tmp_path: Path
) -> None:
    """The second push is killed when its tasks have arrived, before it removes those that they replace."""
    count = 6
    place = workspace(films(count))
    project = scene(place, access, title, count)
    with killing(access, place, command(place, title, tmp_path, 2)) as kill:
        assert kill(Point("POST", "/import", 2, True)) == -signal.SIGKILL  # film-003 is in the second and last batch
    third = push_all(place, access, title)
    assert (third.added, third.unchanged, third.replaced) == (0, count, count - 3)
    fourth = push_all(place, access, title)
    assert (fourth.added, fourth.unchanged, fourth.replaced) == (0, count, 0)
    assert len(Api(access).tasks(project)) == count + 3


def test_pushes_of_changed_samples_that_are_killed_anywhere_end_as_an_undisturbed_one(
    workspace: Make, access: Access, title: str, tmp_path: Path
) -> None:
    count = 16
    whole, broken = workspace(films(count), "whole"), workspace(films(count), "broken")
    undisturbed = scene(whole, access, f"{title} whole", count)
    push_all(whole, access, f"{title} whole")
    project = scene(broken, access, title, count)
    with killing(access, broken, command(broken, title, tmp_path, 2)) as kill:
        assert [kill(point) for point in POINTS] == [-signal.SIGKILL] * len(POINTS)
    for check in (False, True, False):
        last = push_all(broken, access, title, check=check)
    assert (last.added, last.unchanged, last.replaced) == (0, count, 0)
    assert state(access, project) == state(access, undisturbed)
    with closing(broken.ledger()) as ledger:
        key = pull(broken, access, title)[0].key
        pushed = {row.task_id for row in Reviews(ledger).pushed(key).values()}
    newest = {task["data"]["sample_id"]: task["id"] for task in Api(access).tasks(project)}
    assert pushed == set(newest.values())
    assert [verdict.decision for verdict in pull(broken, access, title)[1]] == ["accept", None]


def test_killed_pushes_neither_lose_nor_double_a_task(
    workspace: Make, access: Access, title: str, tmp_path: Path
) -> None:
    """Pushes in child processes are killed at random moments; then one push finishes."""
    count = 60
    place = workspace(films(count))
    api, chance = Api(access), random.Random(7)
    argv = command(place, title, tmp_path, 60)
    killed = 0
    for _ in range(40):
        process = subprocess.Popen(argv, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        killed += process.wait(timeout=60) == -signal.SIGKILL
        process.stdout.close()
        if killed >= 8:
            break
    done = subprocess.run(argv, env=ENVIRONMENT, timeout=240, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    last = push_all(place, access, title, check=True)
    assert (last.added, last.unchanged) == (0, count) and killed >= 8
    names = Counter(task["data"]["sample_id"] for task in api.tasks(last.project))
    assert names == Counter(f"film-{n:03d}" for n in range(count))
    with closing(place.ledger()) as ledger:
        key = api.call("GET", f"/api/projects/{last.project}/")["description"].split("v2xum review ")[1].split()[0]
        pushed = Reviews(ledger).pushed(key)
    assert {one.task_id for one in pushed.values()} == {task["id"] for task in api.tasks(last.project)}


PUSHER = """
import sys
from pathlib import Path
from annotation.label_studio.access import find_access
from annotation.push import existing_tasks, missing
from curation.workspace import Workspace
from tests.annotation.people import push_all

if __name__ == "__main__":
    missing.CHUNK, existing_tasks.SETTLE_SECONDS = 7, float(sys.argv[3])
    place = Workspace(Path(sys.argv[1]))
    print("ready", flush=True)
    push_all(place, find_access(place.root), sys.argv[2])
"""
