"""Pulls from a real Label Studio miss no change: not one during a slow pull, nor one after a time in the future."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from annotation.label_studio.access import Access
from annotation.label_studio.client import PAGE
from annotation.pull import cursor as cursors
from annotation.pull import pull as pulling
from curation.review.verdict_store import DATED_AHEAD, Reviews, moment
from curation.workspace import Workspace
from tests.annotation.people import Api, pull, push
from tests.annotation.proxy import proxy
from tests.annotation.workspaces import Film

pytestmark = [pytest.mark.slow, pytest.mark.labelstudio]
Make = Callable[..., Workspace]
FUTURE = "2036-03-01 12:00:00"


def films(count: int) -> list[Film]:
    return [Film(f"film-{n:03d}", {0: f"Caption {n}.", 2: "Another."}, seconds=4) for n in range(count)]


def date_task(server_root: Path, task: dict[str, Any], at: str) -> None:
    """Give a task and its annotations a time in the server's database, as a wrong clock would have."""
    database = server_root / "review" / "label-studio" / "label_studio.sqlite3"
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        connection.execute("UPDATE task SET updated_at = ? WHERE id = ?", (at, task["id"]))
        connection.execute("UPDATE task_completion SET updated_at = ? WHERE task_id = ?", (at, task["id"]))


def stored_cursor(place: Workspace, key: str) -> datetime:
    with closing(place.ledger()) as ledger:
        at = moment(Reviews(ledger).cursor(key) or "")
    assert at is not None
    return at


def test_a_verdict_on_a_page_that_was_already_read_comes_with_the_next_pull(
    workspace: Make, access: Access, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the second page is asked for, people judge a task of the first page and then one of the second."""
    monkeypatch.setattr(cursors, "MARGIN", timedelta())  # a walk longer than the margin, without waiting for minutes
    place, api = workspace(films(1)), Api(access)
    done = push(place, access, title)
    (first,) = api.tasks(done.project)
    copies = [{"data": first["data"], "predictions": first["predictions"]}] * PAGE
    api.call("POST", f"/api/projects/{done.project}/import", json=copies)
    last = api.tasks(done.project)[-1]
    pages: list[str] = []

    def act(method: str, path: str) -> None:
        if "fields=all" in path:
            pages.append(path)
        if len(pages) == 2 and path is pages[1]:
            api.judge(first, "reject")
            api.judge(last, "accept")

    with proxy(access.url) as before:
        before.on_request = act
        _, during = pull(place, access.model_copy(update={"url": before.url}), title)
    assert [verdict.decision for verdict in during] == ["accept"] and len(pages) == 2
    result, verdicts = pull(place, access, title)
    assert result.new == 1 and sorted(str(verdict.decision) for verdict in verdicts) == ["accept", "reject"]


def test_a_time_in_the_future_moves_no_cursor_and_is_said(
    workspace: Make, access: Access, title: str, server_root: Path
) -> None:
    place, api = workspace(films(3)), Api(access)
    done = push(place, access, title)
    wrong, right, later = api.tasks(done.project)
    api.judge(right, "accept")
    dated = api.judge(wrong, "accept")
    date_task(server_root, wrong, FUTURE)
    result, _ = pull(place, access, title)
    assert result.new == 2 and result.problems == ()
    (note,) = result.notes
    assert f"in the future: 1 (task {wrong['id']}: 2036-03-01" in note
    assert stored_cursor(place, result.key) < datetime.now(UTC) + timedelta(minutes=1)
    api.judge(later, "reject")
    result, verdicts = pull(place, access, title)
    assert result.new == 1 and len(result.notes) == 1
    # The person corrects the verdict that was dated 2036: the correction is the later one.
    api.call("PATCH", f"/api/annotations/{dated['id']}/", json={"result": dated["result"][:-1], "lead_time": 9})
    result, verdicts = pull(place, access, title)
    assert result.new == 1 and result.notes == ()
    assert [DATED_AHEAD in v.problems for v in verdicts if v.sample_id == "film-000"] == [True, False]


def test_a_cursor_in_the_future_heals(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(2)), Api(access)
    done = push(place, access, title)
    first, second = api.tasks(done.project)
    api.judge(first, "accept")
    key = pull(place, access, title)[0].key
    with closing(place.ledger()) as ledger:
        Reviews(ledger).set_cursor(key, "2036-03-01T12:00:00+00:00")
    api.judge(second, "reject")
    result, _ = pull(place, access, title)
    assert result.new == 1 and len(result.notes) == 1
    assert "2036-03-01 12:00 UTC" in result.notes[0] and "all tasks were read again" in result.notes[0]
    result, _ = pull(place, access, title)
    assert result.new == 0 and result.notes == ()


def test_the_server_s_clock_counts_and_not_ours(workspace: Make, access: Access, title: str, server_root: Path) -> None:
    """A server whose clock is twenty years ahead dates everything there; then its clock is set right."""
    place, api = workspace(films(2)), Api(access)
    done = push(place, access, title)
    first, second = api.tasks(done.project)
    api.judge(first, "accept")
    date_task(server_root, first, FUTURE)
    with proxy(access.url) as before:
        before.ahead = timedelta(days=365 * 20)
        result, _ = pull(place, access.model_copy(update={"url": before.url}), title)
    assert result.new == 1 and result.notes == ()
    assert stored_cursor(place, result.key).year == 2036
    api.judge(second, "reject")
    result, _ = pull(place, access, title)
    assert result.new == 1 and "an earlier pull noted a time in the future" in result.notes[0]
    assert "in the future: 1 (task" in result.notes[1]


def test_a_server_s_clock_behind_ours_loses_nothing(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(2)), Api(access)
    done = push(place, access, title)
    first, second = api.tasks(done.project)
    with proxy(access.url) as before:
        before.ahead = -timedelta(hours=3)
        through = access.model_copy(update={"url": before.url})
        for task in (first, second):
            api.judge(task, "accept")
            assert pull(place, through, title)[0].new == 1


def test_two_pulls_at_once_store_every_verdict_once(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(6)), Api(access)
    done = push(place, access, title)
    for task in api.tasks(done.project):
        api.judge(task, "accept")
    results: list[pulling.Result] = []
    threads = [threading.Thread(target=lambda: results.append(pull(place, access, title)[0])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result.new for result in results) == 6
    assert (pull(place, access, title)[0].new, len(pull(place, access, title)[1])) == (0, 6)


def test_a_deleted_task_is_no_reason_to_miss_another(workspace: Make, access: Access, title: str) -> None:
    """The task with the newest change goes: the server looks older than the last pull."""
    place, api = workspace(films(3)), Api(access)
    done = push(place, access, title)
    first, second, _ = api.tasks(done.project)
    api.judge(first, "accept")
    api.judge(second, "accept")
    pull(place, access, title)
    api.call("DELETE", f"/api/tasks/{second['id']}/")
    result, _ = pull(place, access, title)
    assert result.new == 0 and "or deleted tasks?" in result.notes[0]
    assert pull(place, access, title)[0].notes == ()
