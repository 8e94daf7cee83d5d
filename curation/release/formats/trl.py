"""The format of TRL: Parquet with `prompt`, `completion` and `images`, a training configuration a model.

    SPLIT-NNNNN-of-NNNNN.parquet       a row a task; every picture stands behind its time in the prompt
    dpo/                               preference pairs, where there are any (curation/release/formats/preferences.py)
    qwen3_vl.yaml, qwen2_5_vl.yaml     LoRA on one GPU; where the release has rows for training
    README.md                          how to start it

TRL's SFTTrainer takes images and no videos. Where the content of a message is a text, it puts all images before it; so
the content is a list of parts, in which times and images alternate.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.release.formats.files import parquet
from curation.release.formats.format import Format, tasks_of
from curation.release.formats.frames import IMAGE_MARK, InputFrame, time_text, with_frames
from curation.release.formats.items import INSTRUCTIONS, TASKS, Item, read_items, splits_of
from curation.release.formats.models import TRAIN, VisionModel, output_of, write_trainings
from curation.release.formats.preferences import TRL_PAIRS, check_pairs, trl_pairs
from curation.release.formats.reading import read_rows, side_by_side
from curation.release.formats.readme import write_readme
from curation.release.formats.rules import answer_problem, question_problem
from curation.release.written import Written
from schemas.release import FormatChoice, ReleaseManifest, Task

if TYPE_CHECKING:
    from datasets import Features

_COMMENTS = """\
TRL 1.16 and peft. Run it in this folder: trl sft --config {file}.yaml
max_length: a cut video leaves fewer tokens than pictures, so nothing is cut; a record has up to 100 pictures."""


@functools.cache
def features() -> Features:
    """The columns. The parts of a message are of the types `text` and `image`; an image has no text."""
    from datasets import Features, Image, List, Value

    string = Value("string")
    turns = List({"role": string, "content": List({"type": string, "text": string})})
    return Features({"id": string, "task": string, "prompt": turns, "completion": turns, "images": List(Image())})


def write(written: Written, folder: Path) -> None:
    """Write the format's files."""
    choice = written.manifest.formats
    for split, items in splits_of(read_items(written.folder)):
        with parquet(folder, split, features()) as files:
            for item, frames in with_frames(items, written.services):
                for task in tasks_of(choice, TASKS):
                    files.add(record(item, frames, task, choice))
    write_trainings(folder, written.manifest, _COMMENTS, _training)
    trl_pairs(written, folder)
    write_readme(folder, "trl", written.manifest)


def check(release: Path, folder: Path, manifest: ReleaseManifest) -> Iterator[str]:
    """The faults of the format's files in words."""
    choice = manifest.formats
    for split in (each.split for each in manifest.splits):
        expected = ((item, task) for item in read_items(release, [split]) for task in tasks_of(choice, TASKS))
        found = read_rows(sorted(folder.glob(f"{split}-*.parquet")))
        for (item, task), row in side_by_side(expected, found):
            if (problem := _problem(item, task, row, choice)) is not None:
                yield f"{split}: {item.id} {task}: {problem}"
    yield from check_pairs(release, folder, manifest, TRL_PAIRS)


def record(item: Item, frames: Sequence[InputFrame], task: Task, choice: FormatChoice) -> dict[str, Any]:
    """The row of one task for a video."""
    return {
        "id": item.id,
        "task": task,
        "prompt": prompt(frames, task),
        "completion": [{"role": "assistant", "content": [_text(item.answer(task, choice.times))]}],
        "images": [{"bytes": frame.jpeg, "path": frame.name} for frame in frames],
    }


def prompt(frames: Sequence[InputFrame], task: Task) -> list[dict[str, Any]]:
    """The turns that ask for a task: every picture behind its time, and then the instruction."""
    shown = [part for frame in frames for part in (_text(time_text(frame.time)), {"type": "image", "text": None})]
    return [{"role": "user", "content": [*shown, _text(f"\n{INSTRUCTIONS[task]}")]}]


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _problem(item: Item, task: Task, row: dict[str, Any], choice: FormatChoice) -> str | None:
    if (row["id"], row["task"]) != (item.id, task):
        return f"here is {row['id']} {row['task']}"
    roles = [message["role"] for message in (*row["prompt"], *row["completion"])]
    if roles != ["user", "assistant"]:
        return f"roles are {roles}"
    question, answer = (_shown(turns[0]["content"]) for turns in (row["prompt"], row["completion"]))
    if answer != item.answer(task, choice.times):
        return "another answer than that of `full`"
    return question_problem(question, task, row["images"]) or answer_problem(answer, task, choice.times, item)


def _shown(parts: Sequence[dict[str, Any]]) -> str:
    """A message as one text, with the mark of an image for each part that is one."""
    return "".join(IMAGE_MARK if part["type"] == "image" else part["text"] for part in parts)


def _training(model: VisionModel) -> dict[str, Any]:
    return {
        "model_name_or_path": model.hub,
        "datasets": [{"path": "parquet", "data_files": f"{TRAIN}-*.parquet", "split": "train"}],
        "output_dir": output_of("trl", model),
        "use_peft": True,
        "lora_r": 64,
        "lora_alpha": 128,
        "lora_target_modules": "all-linear",
        "max_length": None,
        "dtype": "bfloat16",
        "bf16": True,
        "gradient_checkpointing": True,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 16,
        "learning_rate": 1.0e-4,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.03,
        "num_train_epochs": 2,
        "dataloader_num_workers": 4,
        "logging_steps": 10,
    }


TRL = Format("trl", "TRL's SFTTrainer: prompt, completion and images.", write, check)
