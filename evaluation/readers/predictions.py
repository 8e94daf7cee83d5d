"""Reads a system's predictions in this project's form; evaluation/readers/other_forms.py turns other forms into it.

This project's form is JSON (a list of records, or an object of records by id) or JSON lines, with one record for each
video. A record needs `id` and at least one of the other keys.

    id                   the video, as the references name it
    text                 what the model wrote, with or without time marks, in either dialect
    form                 what the time marks are: "slots" (default), "seconds" or "stored"
    token                for "stored": {"<f0>": 3.0, ...}, seconds
    task                 "v2vt" (default), "v2v" (keyframes only) or "v2t" (text only): what a missing part means
    slots                the number of slots that the model knows, 100 by default
    selected             the chosen frames: flags (one 0 or 1 for each frame), frame indices, or seconds
    selected_as          what `selected` holds: "flags", "indices" or "seconds"; needed where it could be two of them
    scores               one number for each frame of the grid, or of the whole video
    frame_probabilities  one number for each frame, from the probabilities of tokens
    slot_probabilities   one number for each slot, or {"9": 0.8, ...}: becomes scores of frames as in model_text.py
    error                why there is no prediction: it counts as the worst value

`selected` takes precedence over the marks in the text. A text beside `scores` that names no frame is words alone: the
protocol then makes the summary of the scores, as where there is no text. Scores come from `scores`, else from
`frame_probabilities`, else from `slot_probabilities`, else from the selection; `score_source` says which. An unknown
key is an error of the whole file, because a misspelt key would lose its values in every record. Every other fault of a
record is a failure of its video, which then counts as the worst.

Records of one video with different tasks are joined (evaluation/readers/tasks.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation.cases import Floats, Prediction, Predictions, Reference
from evaluation.readers.known_videos import UNKNOWN, KnownVideos
from evaluation.readers.model_text import FORMS, TASKS, UNREADABLE, Form, Generated, Task, from_text
from evaluation.readers.other_forms import Named, named_records
from evaluation.readers.records import (
    BadRecord,
    Object,
    Row,
    as_object,
    load_rows,
    number_of,
    numbers_of,
    one_of,
    printable,
    record_id,
    text_of,
)
from evaluation.readers.scores import on_grid
from evaluation.readers.selected import selected_frames
from evaluation.readers.tasks import Part, join_tasks
from evaluation.readers.wrong_form import Written, check_form
from models.summarizers.slots import SlotMap
from schemas.documents.evaluation import Problem, ScoreSource
from schemas.errors import ConfigError
from schemas.marks import strip_marks
from schemas.time import SLOTS

KEYS = (
    *("id", "text", "form", "token", "task", "slots", "selected", "selected_as"),
    *("scores", "frame_probabilities", "slot_probabilities", "error"),
)
_MOST_SLOTS = 100_000


def read_predictions(path: Path, references: Iterable[Reference]) -> Predictions:
    """Read a file of predictions on the grids of the references.

    A record that cannot be used becomes a failed prediction with the reason, which counts as the worst. A record of an
    unknown video becomes a failed prediction too, which `evaluation.matching.match` leaves out. Raises ConfigError,
    which names file and record, for text that is not JSON, for a record without id and for an unknown key.
    """
    rows = load_rows(path)
    if not rows:
        raise ConfigError(f"{path}: the file has no predictions")
    references = list(references)
    known = KnownVideos(references)
    parts: list[Part] = []
    problems: list[Problem] = []
    texts: list[Written] = []
    records = named_records(path, rows, references)
    for row, id_, value, failure, _ in _own_records(path, rows) if records is None else records:
        reference = known.find(id_)
        if reference is None:
            parts.append(Part(Prediction(id_, failure=UNKNOWN), None))
            continue
        id_ = reference.id
        try:
            record = as_object(value)
            read = Generated(Prediction(id_, failure=failure), ()) if failure is not None else _own(reference, record)
            if (written := _written(record)) is not None:
                texts.append(Written(row, reference.frames, reference.fps, *written, read.times, read.dropped))
        except (BadRecord, ValueError) as error:
            reason = error.reason if isinstance(error, BadRecord) else "out_of_range"
            detail = error.detail if isinstance(error, BadRecord) else printable(error)
            read = Generated(Prediction(id_, failure=f"{reason}: {detail}"), ())
        task = value.get("task") if isinstance(value, Object) else None
        parts.append(Part(read.prediction, task if task in TASKS else None))
        if read.problems and read.prediction.failure is None:
            more = f" (and {len(read.problems) - 1} more)" if len(read.problems) > 1 else ""
            detail = printable(read.problems[0]) + more
            problems.append(Problem(id=id_, reason="read_in_part", detail=detail, counted="as_read"))
    check_form(path, texts)
    items, of_tasks = join_tasks(parts)
    return Predictions(tuple(items), (*problems, *of_tasks))


def _own_records(path: Path, rows: Iterable[Row]) -> Iterator[Named]:
    for row in rows:
        id_ = record_id(path, row, "id")
        _check_keys(path, row)
        yield Named(row.number, id_, row.value)


def _own(reference: Reference, record: Object) -> Generated:
    id_, frames = reference.id, reference.frames
    if record.get("error") is not None:
        return Generated(Prediction(id_, failure=f"error: {printable(text_of(record['error'], 'error'))}"), ())
    slots = _slots(record.get("slots", SLOTS))
    read = Generated(Prediction(id_), ())
    if (written := _written(record)) is not None:
        task: Task = one_of(record.get("task", "v2vt"), "task", TASKS)
        text, form, token, _ = written
        if record.get("selected") is not None and task == "v2vt" and strip_marks(text):
            task = "v2t"  # the selection counts, not the marks
        read = from_text(id_, text, frames=frames, fps=reference.fps, form=form, task=task, token=token, slots=slots)
        if not read.times and task == "v2vt" and record.get("scores") is not None:  # the frames are in the scores
            words = from_text(id_, text, frames=frames, form=form, task="v2t")
            read = words._replace(problems=read.problems if read.dropped else (), dropped=read.dropped)
        unreadable = (read.prediction.failure or "").startswith(UNREADABLE)
        if unreadable and record.get("selected") is None and record.get("scores") is None:
            return read
    selected = read.prediction.selected
    if record.get("selected") is not None:
        selected = selected_frames(record, frames, reference.fps)
    scores, source = _scores(record, reference, slots)
    if scores is None and selected is not None:
        scores, source = selected.astype(np.float64), "selection"
    if scores is None and selected is None and read.prediction.text is None:
        empty = Prediction(id_, failure=read.prediction.failure or "empty: the record says nothing of the video")
        return read._replace(prediction=empty)
    return read._replace(prediction=Prediction(id_, scores, source, selected, read.prediction.text))


class _Text(NamedTuple):
    """What a record says of its text."""

    text: str
    form: Form
    token: dict[str, float]
    slots: int


def _written(record: Object) -> _Text | None:
    if record.get("text") is None:
        return None
    form: Form = one_of(record.get("form", "slots"), "form", FORMS)
    token = {name: number_of(time, f"token {name}") for name, time in as_object(record.get("token", Object())).items()}
    return _Text(text_of(record["text"], "text"), form, token, _slots(record.get("slots", SLOTS)))


def _scores(record: Object, reference: Reference, slots: int) -> tuple[Floats | None, ScoreSource | None]:
    for key, source in (("scores", "scores"), ("frame_probabilities", "token_probabilities")):
        if record.get(key) is not None:
            return on_grid(numbers_of(record[key], key), reference), source  # type: ignore[return-value]
    probabilities = record.get("slot_probabilities")
    if probabilities is None:
        return None, None
    if isinstance(probabilities, Mapping):
        table: dict[int, float] = {}
        for slot, value in as_object(probabilities).items():
            if not (slot.isascii() and slot.isdigit() and len(slot) < 8):
                raise BadRecord("out_of_range", f"slot {printable(slot, 40)!r} of slot_probabilities is no number")
            if int(slot) in table:
                raise BadRecord("duplicate_key", f"slot {int(slot)} stands twice in slot_probabilities")
            table[int(slot)] = number_of(value, f"slot_probabilities of {slot}", 0, 1)
        return SlotMap(slots).scores(table, reference.frames), "token_probabilities"
    values = numbers_of(probabilities, "slot_probabilities").tolist()
    return SlotMap(slots).scores(values, reference.frames), "token_probabilities"


def _slots(value: Any) -> int:
    slots = number_of(value, "slots", 2, _MOST_SLOTS)
    if not slots.is_integer():
        raise BadRecord("wrong_type", f"slots is {slots}, no whole number")
    return int(slots)


def _check_keys(path: Path, row: Row) -> None:
    if not isinstance(row.value, Object):
        return
    unknown = next((key for key in row.value if key not in KEYS), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, KEYS, n=1, cutoff=0)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"{path}, record {row.number}: unknown key {printable(unknown, 60)!r}{hint} (known: {', '.join(KEYS)})"
        )
