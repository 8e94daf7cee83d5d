"""Reads ActivityNet Captions, in three published forms: paragraphs of timed sentences without keyframes.

    {"v_...": {"duration": 82.73, "timestamps": [[0.83, 19.86]], "sentences": ["..."]}}
    [{"video_id": "v_...", "duration": 82.73, "timestamps": [...], "sentences": [...]}]
    {"vid": "v_...", "duration": 82.73, "query": "...", "relevant_windows": [[0, 82.73]]}

The first is the original form, the second is a list of such records, the third is JSON lines with one record for each
sentence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.cases import Reference, References
from evaluation.readers.records import (
    BadRecord,
    Object,
    Row,
    list_of,
    load_rows,
    number_of,
    read_all,
    record_id,
    text_of,
)
from schemas.documents.evaluation import Problem


def read_activitynet(paths: Sequence[Path], split: str | None = None) -> References:
    """Read references whose sentences are one text for each file: `val_1` and `val_2` give a video two texts.

    T is the number of seconds 0, 1, 2 ... below the duration, at 1 fps. Videos of the first file come first. Records
    that cannot be used are left out. Raises ConfigError for text that is not JSON and for a record without id.
    """
    references: dict[str, Reference] = {}
    problems: list[Problem] = []
    for path in paths:
        rows = _grouped(path, load_rows(path))
        file = read_all(path, rows, lambda row, path=path: record_id(path, row, "video_id"), _reference)  # type: ignore[misc]
        problems += file.problems
        for item in file.items:
            before = references.get(item.id)
            texts = (before.texts if before else ()) + item.texts
            frames = before.frames if before else item.frames
            references[item.id] = Reference(item.id, frames, texts=texts, split=split)
    return References(tuple(references.values()), tuple(problems))


def _reference(id_: str, record: Object) -> Reference:
    duration = number_of(record.get("duration"), "duration")
    if duration <= 0:
        raise BadRecord("out_of_range", "duration is 0")
    sentences = [text_of(text, "a sentence").strip() for text in list_of(record.get("sentences"), "sentences")]
    times = list_of(record.get("timestamps"), "timestamps")
    if len(times) != len(sentences):
        raise BadRecord("wrong_length", f"{len(times)} timestamps for {len(sentences)} sentences")
    text = " ".join(sentence for sentence in sentences if sentence)
    return Reference(id_, math.ceil(duration), texts=(text,) if text else ())


def _grouped(path: Path, rows: list[Row]) -> list[Row]:
    """One record for each video, where the file has one for each sentence; in the order of first appearance."""
    if not any(isinstance(row.value, Object) and "vid" in row.value for row in rows):
        return rows
    videos: dict[str, Row] = {}
    for row in rows:
        id_ = record_id(path, row, "vid")
        start: dict[str, Any] = {"duration": row.value.get("duration"), "timestamps": [], "sentences": []}
        record = videos.setdefault(id_, Row(row.number, id_, Object(start))).value
        record["timestamps"].append(row.value.get("relevant_windows"))
        record["sentences"].append(row.value.get("query"))
    return list(videos.values())
