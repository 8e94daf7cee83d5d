r"""Records with `messages` of a user and an assistant, as LLaMA-Factory and ms-swift read them.

    videos   {"id", "task", "messages": [{"role": "user", "content": "<video>\nPlease ..."}, ...], "videos": [NAME]}
    frames   {"id", "task", "messages": [{"role": "user", "content": "<0.0 seconds><image><1.0 seconds><image>...

`NAME` is relative to the folder of the videos. Of frames the pictures are in the record.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.release.formats.files import parquet, write_lines
from curation.release.formats.format import tasks_of
from curation.release.formats.frames import IMAGE_MARK, InputFrame, time_text, with_frames
from curation.release.formats.items import INSTRUCTIONS, TASKS, Item, read_items, splits_of
from curation.release.formats.reading import read_lines, read_rows, side_by_side
from curation.release.formats.rules import answer_problem, question_problem
from curation.release.written import Written
from schemas.instructions import VIDEO_MARK
from schemas.release import FormatChoice, Task

if TYPE_CHECKING:
    from datasets import Features


@functools.cache
def features() -> Features:
    """The columns of records with frames: `images` is a list of JPEGs, each with the name of its frame.

    It is no list of the type Image: LLaMA-Factory would encode each picture again.
    """
    from datasets import Features, List, Value

    string = Value("string")
    return Features(
        {
            "id": string,
            "task": string,
            "messages": List({"role": string, "content": string}),
            "images": List({"bytes": Value("binary"), "path": string}),
        }
    )


def write_splits(written: Written, folder: Path) -> dict[str, str]:
    """Write the records of every split below `folder`; return the file of each split, or its folder of files."""
    choice = written.manifest.formats
    names: dict[str, str] = {}
    for split, items in splits_of(read_items(written.folder)):
        if choice.inputs == "videos":
            names[split] = f"{split}.jsonl"
            write_lines(folder / names[split], video_records(items, choice))
            continue
        names[split] = split
        with parquet(folder / split, split, features()) as files:
            for item, frames in with_frames(items, written.services):
                for task in tasks_of(choice, TASKS):
                    files.add(frame_record(item, frames, task, choice))
    return names


def video_records(items: Iterator[Item], choice: FormatChoice) -> Iterator[dict[str, Any]]:
    """The records of all tasks for these videos, whose files the trainer reads."""
    for item in items:
        for task in tasks_of(choice, TASKS):
            yield {
                "id": item.id,
                "task": task,
                "messages": _messages(f"{VIDEO_MARK}\n{INSTRUCTIONS[task]}", item, task, choice),
                "videos": [item.media],
            }


def frame_record(item: Item, frames: Sequence[InputFrame], task: Task, choice: FormatChoice) -> dict[str, Any]:
    """The record of one task for a video whose frames the record holds, each behind its time."""
    shown = "".join(f"{time_text(frame.time)}{IMAGE_MARK}" for frame in frames)
    return {
        "id": item.id,
        "task": task,
        "messages": _messages(f"{shown}\n{INSTRUCTIONS[task]}", item, task, choice),
        "images": [{"bytes": frame.jpeg, "path": frame.name} for frame in frames],
    }


def _messages(question: str, item: Item, task: Task, choice: FormatChoice) -> list[dict[str, str]]:
    answer = item.answer(task, choice.times)
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def check_split(release: Path, path: Path, split: str, choice: FormatChoice) -> Iterator[str]:
    """The faults of the records of a split in `path` (a file, or a folder of Parquet), beside the rows of `full`.

    Raises NotRecords, and what `read_items` and `read_rows` raise.
    """
    expected = ((item, task) for item in read_items(release, [split]) for task in tasks_of(choice, TASKS))
    found = read_rows(sorted(path.glob("*.parquet"))) if path.is_dir() else read_lines(path)
    for (item, task), record in side_by_side(expected, found):
        problem = _problem(item, task, record, choice)
        if problem is not None:
            yield f"{item.id} {task}: {problem}"


def _problem(item: Item, task: Task, record: dict[str, Any], choice: FormatChoice) -> str | None:
    if (record["id"], record["task"]) != (item.id, task):
        return f"here is {record['id']} {record['task']}"
    messages = record["messages"]
    if [message["role"] for message in messages] != ["user", "assistant"]:
        return f"roles are {[message['role'] for message in messages]}"
    question, answer = (message["content"] for message in messages)
    if answer != item.answer(task, choice.times):
        return "another answer than that of `full`"
    media = record["videos"] if choice.inputs == "videos" else record["images"]
    return question_problem(question, task, media) or answer_problem(answer, task, choice.times, item)
