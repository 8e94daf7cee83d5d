"""The list of a project's tasks: stored and read back, its extent, and the newest task of each sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotation.push.existing_tasks import ExistingTask, ExistingTasks, stored_tasks
from annotation.push.task import Key

OLD, NEW = Key("a", "1" * 64, "first"), Key("a", "2" * 64, "first")
OTHER = Key("b", "1" * 64, "adjudication")


def some_tasks() -> ExistingTasks:
    pairs = [
        (OLD, ExistingTask(3, True, 2, "random")),
        (NEW, ExistingTask(9, False, 1, "active")),
        (OTHER, ExistingTask(4, False, None, "adjudication")),
    ]
    return ExistingTasks(pairs, [7, 12])


def test_the_list_is_read_as_it_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    some_tasks().save(path)
    read = stored_tasks(path)
    assert read is not None and read.by_key == some_tasks().by_key and read.extent == (5, 12)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"tasks": 1}', "[[[1, 2]], []]"])
def test_a_missing_or_damaged_file_is_no_list(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "tasks.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert stored_tasks(path) is None


def test_tasks_come_and_go() -> None:
    tasks = some_tasks()
    assert tasks.keys_of("a") == [OLD, NEW] and tasks.keys_of("nobody") == []
    assert tasks.newest()["a"] == (NEW, ExistingTask(9, False, 1, "active"))
    tasks.discard(NEW, ExistingTask(9, True, 5, "random"))  # the number alone tells which task it is
    assert tasks.keys_of("a") == [OLD] and tasks.newest()["a"][0] == OLD
    tasks.add(OLD, ExistingTask(20, False, 1, "random"))
    assert tasks.extent == (5, 20) and [task.task_id for task in tasks.by_key[OLD]] == [3, 20]
    assert ExistingTasks().extent == (0, 0)
