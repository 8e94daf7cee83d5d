"""The file of V2Xum-LLM's own loader (github.com/hanghuacs/V2Xum-LLM, v2xumllm/train/dataset.py), safe for it.

    SPLIT.json     [{"id", "meta": {"duration", "sampled_frames", "token"}, "conversations", "vsum_onehot"}, ...]
    README.md      how to start it

The loader writes `min(round(100 t / duration), 99)` with two digits for each placeholder, splits the conversation at
`<video>`, `</s>` and ` ASSISTANT: `, and gives a record that it cannot read away for a random other one. Hence:

- one mark for each distinct slot of a sentence, by the loader's own formula;
- `duration` is what the decoded frames cover: a container's claim can be many seconds off, and would move every slot;
- texts are neutral (schemas/kit/neutral.py), so that no text is a mark of the loader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from curation.release.formats.files import write_array
from curation.release.formats.format import Format, tasks_of
from curation.release.formats.items import INSTRUCTIONS, Item, read_items, splits_of
from curation.release.formats.reading import read_array, side_by_side
from curation.release.formats.readme import write_readme
from curation.release.formats.rules import answer_problem, question_problem
from curation.release.written import Written
from schemas.instructions import VIDEO_MARK
from schemas.records import Sentence
from schemas.release import FormatChoice, ReleaseManifest, Task
from schemas.temporal import format_stored, parse_slots
from schemas.time import Seconds

OTHERWISE: tuple[Task, ...] = ("v2vt",)  # the upstream file is read with one record a video


def write(written: Written, folder: Path) -> None:
    """Write the format's files."""
    for split, items in splits_of(read_items(written.folder)):
        write_array(folder / f"{split}.json", records(items, written.manifest.formats))
    write_readme(folder, "v2xum_llm", written.manifest)


def check(release: Path, folder: Path, manifest: ReleaseManifest) -> Iterator[str]:
    """The faults of the format's files in words."""
    tasks = tasks_of(manifest.formats, OTHERWISE)
    for split in (each.split for each in manifest.splits):
        expected = ((item, task) for item in read_items(release, [split]) for task in tasks)
        for (item, task), found in side_by_side(expected, read_array(folder / f"{split}.json")):
            if (problem := _problem(item, task, found)) is not None:
                yield f"{split}.json: {item.id} {task}: {problem}"


def records(items: Iterator[Item], choice: FormatChoice) -> Iterator[dict[str, Any]]:
    """The records of these videos: one of V2VT, or one for each task that was chosen."""
    for item in items:
        for task in tasks_of(choice, OTHERWISE):
            yield record(item, task)


def loader_slot(seconds: float, duration: float) -> int:
    """The slot 0..99 that the loader writes for a time."""
    return min(round(seconds / duration * 100), 99)


def record(item: Item, task: Task) -> dict[str, Any]:
    """The record of one task for a video."""
    answer, token = _answer(item, task)
    return {
        "id": item.id,
        "meta": {"duration": item.duration, "sampled_frames": item.frames, "token": token},
        "conversations": [
            {"from": "human", "value": f"{VIDEO_MARK}\n{INSTRUCTIONS[task]}"},
            {"from": "gpt", "value": answer},
        ],
        "vsum_onehot": list(item.onehot),
    }


def as_loaded(record: dict[str, Any]) -> list[str]:
    """The turns of a record as the loader makes them: a slot of two digits for each placeholder."""
    turns = [turn["value"] for turn in record["conversations"]]
    meta = record["meta"]
    for name, seconds in meta["token"].items():
        slot = f"{loader_slot(seconds, meta['duration']):02d}"
        turns = [turn.replace(name, slot) for turn in turns]
    return turns


def _problem(item: Item, task: Task, found: dict[str, Any]) -> str | None:
    if found["id"] != item.id or found["vsum_onehot"] != list(item.onehot):
        return f"here are other frames, or {found['id']}"
    roles = [turn["from"] for turn in found["conversations"]]
    if roles != ["human", "gpt"]:
        return f"roles are {roles}"
    question, answer = as_loaded(found)
    problem = question_problem(question, task, [item.media]) or answer_problem(answer, task, "slots", item)
    if problem is not None:
        return problem
    lines = [re.findall(r"\[([0-9]{2})\]", answer)] if task == "v2v" else []
    lines = [[*map(str, line.slots)] for line in parse_slots(answer)] if task == "v2vt" else lines
    repeated = next((line for line in lines if len(set(line)) < len(line)), None)
    return None if repeated is None else f"a sentence has a slot twice: {repeated}"


def _answer(item: Item, task: Task) -> tuple[str, dict[str, float]]:
    if task == "v2t":
        return item.text, {}
    if task == "v2v":
        times = _distinct(item.keyframes, item.duration)
        token = {f"<f{number}>": float(time) for number, time in enumerate(times)}
        return " ".join(f"[{name}]" for name in token), token
    sentences = [
        Sentence(times=tuple(_distinct(sentence.times, item.duration)), text=sentence.text)
        for sentence in item.sentences
    ]
    stored = format_stored(sentences)
    return stored.text, stored.token


def _distinct(times: Sequence[Seconds], duration: float) -> list[Seconds]:
    """The first time of each slot, in order."""
    slots: dict[int, Seconds] = {}
    for time in times:
        slots.setdefault(loader_slot(time, duration), time)
    return list(slots.values())


V2XUM_LLM = Format("v2xum-llm", "V2Xum-LLM's own loader: the stored form with its token map.", write, check)
