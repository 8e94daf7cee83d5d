"""The number of people of a task, and whether it is finished, as the push tells a server that counts otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from annotation.label_studio.access import Access
from annotation.label_studio.client import LabelStudio
from annotation.push.existing_tasks import ExistingTask, ExistingTasks, existing_task
from annotation.push.reconcile import set_overlaps
from annotation.push.task import Key
from tests.annotation.scripted_server import Reply, Request, ScriptedServer

KEY = Key("a", "1" * 64, "first")
Row = dict[str, Any]


def told(
    act: Callable[[Row, int], None], people: int, task: ExistingTask, *, skips_count: bool = False
) -> tuple[list[int], list[Row], ExistingTask]:
    """What `set_overlaps` returns, what it sent, and the task that it leaves; `act` changes the server's task first."""
    row: Row = {"id": 7, "overlap": 1, "is_labeled": True, "annotations": [{"completed_by": 1, "was_cancelled": False}]}
    sent: list[Row] = []

    def script(request: Request) -> Reply:
        assert (request.method, request.path) == ("PATCH", "/api/tasks/7/")
        sent.append(json.loads(request.body))
        row.update(sent[-1])
        act(row, len(sent))
        return Reply(200, json.dumps(row).encode(), (("Content-Type", "application/json"),))

    existing = ExistingTasks([(KEY, task)])
    with ScriptedServer(script) as server, LabelStudio(Access(url=server.url, token="0" * 40)) as client:
        stubborn = set_overlaps(client, existing, {KEY: people}, skips_count=skips_count)
    (left,) = existing.by_key[KEY]
    return stubborn, sent, left


def as_given(row: Row, number: int) -> None:
    """The server takes what it is told."""


def second_person(row: Row, number: int) -> None:
    """Somebody judges the task when it was opened, before the server answers."""
    if number == 2:
        row["annotations"] = [*row["annotations"], {"completed_by": 2, "was_cancelled": False}]


def deaf(row: Row, number: int) -> None:
    """The server has its own opinion on whether a task is finished."""
    row["is_labeled"] = True


def skipped(row: Row, number: int) -> None:
    row["annotations"] = [{"completed_by": by, "was_cancelled": by == 2} for by in (1, 1, 2)]


JUDGED = ExistingTask(7, True, 1, "random")
OPEN, FINISHED = {"overlap": 2, "is_labeled": False}, {"overlap": 2, "is_labeled": True}


@pytest.mark.parametrize(
    ("act", "skips_count", "sent"),
    [
        (as_given, False, [{"overlap": 2}, OPEN]),
        (second_person, False, [{"overlap": 2}, OPEN, FINISHED]),
        (skipped, False, [{"overlap": 2}, OPEN]),
        (skipped, True, [{"overlap": 2}]),
    ],
)
def test_a_task_is_open_as_long_as_too_few_people_judged_it(
    act: Callable[[Row, int], None], skips_count: bool, sent: list[Row]
) -> None:
    assert told(act, 2, JUDGED, skips_count=skips_count) == ([], sent, JUDGED._replace(overlap=2))


def test_a_server_that_does_not_take_it_is_told_of_and_asked_again_next_time() -> None:
    stubborn, sent, left = told(deaf, 2, JUDGED)
    assert stubborn == [7] and sent[-1] == OPEN and left.early
    assert told(as_given, 2, left) == ([], [{"overlap": 2}, OPEN], left._replace(early=False))


def test_a_task_whose_push_was_killed_before_it_was_opened_is_known_by_the_listing() -> None:
    row = {"id": 7, "overlap": 2, "is_labeled": True, "total_annotations": 1, "data": {"stratum": "random"}}
    assert existing_task(row) == ExistingTask(7, True, 2, "random", early=True)
    assert (
        not existing_task(row | {"total_annotations": 2}).early and not existing_task(row | {"is_labeled": False}).early
    )
    assert told(as_given, 2, existing_task(row))[1] == [{"overlap": 2}, OPEN]
    assert told(as_given, 2, JUDGED._replace(overlap=2))[1] == [], "a task that is as it should be is left alone"
