"""Reads ActivityNet Captions, in its published forms: paragraphs of timed sentences without keyframes.

    {"v_...": {"duration": 82.73, "timestamps": [[0.83, 19.86]], "sentences": ["..."]}}
    [{"video_id": "v_...", "duration": 82.73, "timestamps": [...], "sentences": [...]}]
    {"vid": "v_...", "duration": 82.73, "query": "...", "relevant_windows": [[0, 82.73]]}
    {"video_id": "v_...", "duration": 82.73, "captions_starts": [...], "captions_ends": [...], "en_captions": [...]}

The first is the original form, the second is a list of such records, the third is JSON lines with one record for each
sentence, the fourth are rows of the Hub (Leyo/ActivityNet_Captions). Rows of the Hub come as JSON, as JSON lines, as
Parquet, or as the answer of its viewer, `{"rows": [{"row": {...}}]}`. Their sentences may be called `captions`, or be
one text, `caption` (friedrichor/ActivityNet_Captions has it beside `sentences`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    printable,
    read_all,
    record_id,
    text_of,
)
from schemas.documents.evaluation import Problem
from schemas.errors import ConfigError

_IDS = ("video_id", "video", "id")
_SENTENCES = ("sentences", "captions", "en_captions", "caption")
_OTHERS = ("duration", "timestamps", "captions_starts", "captions_ends", "vid", "query", "relevant_windows")


def read_activitynet(paths: Sequence[Path], split: str | None = None) -> References:
    """Read references whose sentences are one text for each file: `val_1` and `val_2` give a video two texts.

    T is the number of seconds 0, 1, 2 ... below the duration, at 1 fps. Videos of the first file come first. Records
    that cannot be used are left out. Raises ConfigError for text that is not JSON and for a record without id.
    """
    references: dict[str, Reference] = {}
    problems: list[Problem] = []
    for path in paths:
        rows = _grouped(path, activitynet_rows(path))
        file = read_all(path, rows, lambda row, path=path: record_id(path, row, *_IDS), _reference)  # type: ignore[misc]
        problems += file.problems
        for item in file.items:
            before = references.get(item.id)
            texts = (before.texts if before else ()) + item.texts
            frames = before.frames if before else item.frames
            references[item.id] = Reference(item.id, frames, texts=texts, split=split)
    return References(tuple(references.values()), tuple(problems))


def activitynet_rows(path: Path) -> list[Row]:
    """The records of a file of JSON, JSON lines or Parquet. Raises ConfigError."""
    if path.suffix.lower() == ".parquet":
        return _parquet(path)
    rows = load_rows(path)
    viewer = next((row.value for row in rows if row.key == "rows" and isinstance(row.value, list)), None)
    if viewer is None:
        return rows
    return [
        Row(number, None, item["row"] if isinstance(item, Object) and "row" in item else item)
        for number, item in enumerate(viewer, 1)
    ]


def is_activitynet(record: Mapping[str, Any]) -> bool:
    """Whether a record has the keys of one of the forms."""
    sentences = any(key in record for key in _SENTENCES)
    return (sentences and ("timestamps" in record or "captions_starts" in record)) or {"vid", "query"} <= set(record)


def _reference(id_: str, record: Object) -> Reference:
    duration = number_of(record.get("duration"), "duration")
    if duration <= 0:
        raise BadRecord("out_of_range", "duration is 0")
    told = next((record[key] for key in _SENTENCES if record.get(key) is not None), None)
    if isinstance(told, str):
        text = text_of(told, "caption").strip()  # one text for all times
        return Reference(id_, math.ceil(duration), texts=(text,) if text else ())
    sentences = [text_of(text, "a sentence").strip() for text in list_of(told, "sentences")]
    name = "timestamps" if "timestamps" in record else "captions_starts"
    times = list_of(record.get(name), name)
    if len(times) != len(sentences):
        raise BadRecord("wrong_length", f"{len(times)} {name} for {len(sentences)} sentences")
    text = " ".join(sentence for sentence in sentences if sentence)
    return Reference(id_, math.ceil(duration), texts=(text,) if text else ())


def _grouped(path: Path, rows: list[Row]) -> list[Row]:
    """One record for each video, where the file has one for each sentence; in the order of first appearance."""
    if not any(isinstance(row.value, Object) and "vid" in row.value for row in rows):
        return rows
    videos: dict[str, Row] = {}
    others = [row for row in rows if not isinstance(row.value, Object)]  # left out and reported, by read_all()
    for row in rows:
        if not isinstance(row.value, Object):
            continue
        id_ = record_id(path, row, "vid")
        start: dict[str, Any] = {"duration": row.value.get("duration"), "timestamps": [], "sentences": []}
        record = videos.setdefault(id_, Row(row.number, id_, Object(start))).value
        record["timestamps"].append(row.value.get("relevant_windows"))
        record["sentences"].append(row.value.get("query"))
    return [*videos.values(), *others]


def _parquet(path: Path) -> list[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            wanted = [name for name in (*_IDS, *_SENTENCES, *_OTHERS) if name in file.schema_arrow.names]
            values = file.read(columns=wanted).to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as Parquet: {printable(error)}") from error
    return [Row(number, None, Object(value)) for number, value in enumerate(values, 1)]
