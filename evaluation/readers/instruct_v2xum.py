"""Reads Instruct-V2Xum JSON: the published dataset's records, and the `json/` files of this project's releases.

    {"id": "...", "meta": {"duration": 63.0, "sampled_frames": 63, "token": {"<f0>": 0.0}},
     "conversations": [{"from": "human", "value": "<video> ..."}, {"from": "gpt", "value": "[<f0>]Sentence."}],
     "vsum_onehot": [1, 0, ...]}

A video has one annotation and frames at 1 fps. The placeholders in the text stand for the seconds in `meta.token`. The
published dataset has up to three records of a video, one for each task: keyframes only (V2V), words only (V2T), both
(V2VT). They are one reference, whose text is that of V2T, else that of V2VT.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluation.cases import Reference, References
from evaluation.readers.records import (
    MAX_FRAMES,
    BadRecord,
    Object,
    as_object,
    flags_of,
    list_of,
    load_rows,
    number_of,
    read_all,
    record_id,
    text_of,
)
from schemas.marks import has_marks, strip_marks


def read_instruct(path: Path, split: str | None = None) -> References:
    """Read references: T from `sampled_frames`, `selections` (1, T) from `vsum_onehot`, the text without time marks.

    `split`: written into every reference; None takes the file's name if it is the name of a split. Records whose parts
    contradict each other are left out, and so are a second record of a task and a record with other frames than the
    video's first. Raises ConfigError for text that is not JSON and for a record without id.
    """
    name = split or (path.stem if path.stem in ("train", "val", "validation", "test") else None)
    firsts: dict[str, Reference] = {}
    texts: dict[str, dict[str, str]] = {}  # the text of every task, by id

    def parse(id_: str, record: Object) -> Reference:
        reference = _reference(id_, record, name)
        first, of_tasks, task = firsts.setdefault(id_, reference), texts.setdefault(id_, {}), _task(record)
        if task in of_tasks:
            raise BadRecord("duplicate_id", f"a second record of the task {task}")
        if not np.array_equal(first.selections, reference.selections):  # type: ignore[arg-type]
            raise BadRecord("duplicate_id", "other frames than those of the video's first record")
        of_tasks[task] = "".join(reference.texts)
        return reference

    def join(first: Reference, second: Reference) -> Reference:
        del second  # parse() has kept its text, and its frames are those of the first
        of_tasks = texts[first.id]
        text = of_tasks.get("v2t") or of_tasks.get("v2vt")
        return replace(first, texts=(text,) if text else ())

    return read_all(path, load_rows(path), lambda row: record_id(path, row, "id"), parse, join)


def _task(record: Object) -> str:
    """The task of a record, by its first answer: marks alone are `v2v`, words alone `v2t`."""
    answers = [str(turn["value"]) for turn in record["conversations"] if turn.get("from") == "gpt"]
    answer = answers[0] if answers else ""
    if not has_marks(answer):
        return "v2t"
    return "v2vt" if strip_marks(answer) else "v2v"


def _reference(id_: str, record: Object, split: str | None) -> Reference:
    meta = as_object(record.get("meta"))
    frames = number_of(meta.get("sampled_frames"), "meta.sampled_frames", 1, MAX_FRAMES)
    onehot = flags_of(record.get("vsum_onehot"), "vsum_onehot")
    if len(onehot) != frames:
        raise BadRecord("wrong_length", f"vsum_onehot has {len(onehot)} entries for {frames:g} sampled frames")
    texts: list[str] = []
    for turn in list_of(record.get("conversations"), "conversations"):
        message = as_object(turn)
        if message.get("from") == "gpt":
            texts.append(strip_marks(text_of(message.get("value"), "a conversation's value")))
    return Reference(
        id=id_,
        frames=len(onehot),
        selections=onehot[None, :],
        texts=tuple(text for text in texts if text)[:1],  # the other answers are the same summary in another form
        split=split,
    )
