"""A system's predictions: this project's form, and the outputs of V2Xum-LLaMA's public fork.

The form is JSON (a list of records, or an object of them by id) or JSON lines, one record a video. All keys but `id`
may be left out; one must be there.

    id                   the video, as the references call it
    text                 what the model wrote, with or without time marks, in either dialect
    form                 how its times are meant: "slots" (default), "seconds" or "stored"
    token                for "stored": {"<f0>": 3.0, ...}, seconds
    task                 "v2vt" (default), "v2v" (keyframes only) or "v2t" (text only): what a missing part means
    slots                how many slots the model knows, 100 by default
    selected             frames chosen: as many zeros and ones as the video has frames, or else frame indices
    scores               a number a frame
    frame_probabilities  the same, from the probabilities of tokens
    slot_probabilities   a number a slot, or {"9": 0.8, ...}: spread onto the frames as model_text.py says
    error                why there is nothing: counts as the worst value

`selected` goes before the marks in the text; `scores` before `frame_probabilities` before `slot_probabilities` before
the selection, and `score_source` says which. An unknown key is an error of the file, since a misspelt one would drop
what it holds from every record; anything else that is wrong with a record is a failure of its video: it scores worst.

V2Xum-LLaMA: `[{"video_filename": "v_....mp4", "summary": "Sentence [08, 09]. ..."}]`, slots of 100, the id is the name
of the file without its ending, `GENERATION_FAILED` is a failure.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.cases import Flags, Floats, Prediction, Predictions, Reference
from evaluation.readers.model_text import FORMS, TASKS, Form, Generated, Task, from_text, one_hot, spread
from evaluation.readers.records import (
    BadRecord,
    Object,
    Row,
    as_object,
    list_of,
    load_rows,
    number_of,
    numbers_of,
    record_id,
    shown,
    text_of,
)
from schemas.errors import ConfigError
from schemas.evaluation import Problem, ScoreSource
from schemas.time import SLOTS

KEYS = (
    *("id", "text", "form", "token", "task", "slots", "selected"),
    *("scores", "frame_probabilities", "slot_probabilities", "error"),
)
_GENERATION_FAILED = "GENERATION_FAILED"
_MOST_SLOTS = 100_000


def read_predictions(path: Path, references: Iterable[Reference]) -> Predictions:
    """Read a file of predictions onto the grids of the references.

    A record of an unknown video comes back as a failure, for `evaluation.matching.match` to leave out; so do records
    that cannot be used, with the reason, to be counted as the worst. Raises ConfigError, naming file and record, for
    what is no JSON, a record without id, and an unknown key.
    """
    rows = load_rows(path)
    if not rows:
        raise ConfigError(f"{path}: no predictions in it")
    known = {reference.id: reference for reference in references}
    items: list[Prediction] = []
    problems: list[Problem] = []
    for row in rows:
        foreign = isinstance(row.value, Object) and "video_filename" in row.value and "summary" in row.value
        id_ = _stem(path, row) if foreign else record_id(path, row, "id")
        if not foreign:
            _check_keys(path, row)
        reference = known.get(id_)
        if reference is None:
            items.append(Prediction(id_, failure="unknown_video: no reference has this id"))
            continue
        try:
            record = as_object(row.value)
            read = _foreign(reference, record) if foreign else _own(reference, record)
        except (BadRecord, ValueError) as error:
            reason = error.reason if isinstance(error, BadRecord) else "out_of_range"
            detail = error.detail if isinstance(error, BadRecord) else shown(error)
            read = Generated(Prediction(id_, failure=f"{reason}: {detail}"), ())
        items.append(read.prediction)
        if read.problems and read.prediction.failure is None:
            more = f" (and {len(read.problems) - 1} more)" if len(read.problems) > 1 else ""
            detail = shown(read.problems[0]) + more
            problems.append(Problem(id=id_, reason="read_in_part", detail=detail, counted="as_read"))
    return Predictions(tuple(items), tuple(problems))


def _stem(path: Path, row: Row) -> str:
    return record_id(path, row, "video_filename").rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _foreign(reference: Reference, record: Object) -> Generated:
    summary = text_of(record["summary"], "summary")
    if summary.strip() == _GENERATION_FAILED:
        return Generated(Prediction(reference.id, failure="generation_failed: the model wrote nothing"), ())
    return from_text(reference.id, summary, frames=reference.frames, fps=reference.fps)


def _own(reference: Reference, record: Object) -> Generated:
    id_, frames = reference.id, reference.frames
    if record.get("error") is not None:
        return Generated(Prediction(id_, failure=f"error: {shown(text_of(record['error'], 'error'))}"), ())
    slots = _slots(record.get("slots", SLOTS))
    read = Generated(Prediction(id_), ())
    if record.get("text") is not None:
        form: Form = _one_of(record.get("form", "slots"), "form", FORMS)
        task: Task = _one_of(record.get("task", "v2vt"), "task", TASKS)
        token = {
            name: number_of(time, f"token {name}") for name, time in as_object(record.get("token", Object())).items()
        }
        text = text_of(record["text"], "text")
        read = from_text(id_, text, frames=frames, fps=reference.fps, form=form, task=task, token=token, slots=slots)
    selected = read.prediction.selected
    if record.get("selected") is not None:
        selected = _selected(list_of(record["selected"], "selected"), frames)
    scores, source = _scores(record, frames, slots)
    if scores is None and selected is not None:
        scores, source = selected.astype(np.float64), "selection"
    if scores is None and selected is None and read.prediction.text is None:
        empty = Prediction(id_, failure=read.prediction.failure or "empty: the record says nothing of the video")
        return Generated(empty, read.problems)
    return Generated(Prediction(id_, scores, source, selected, read.prediction.text), read.problems)


def _scores(record: Object, frames: int, slots: int) -> tuple[Floats | None, ScoreSource | None]:
    for key, source in (("scores", "scores"), ("frame_probabilities", "token_probabilities")):
        if record.get(key) is not None:
            values = numbers_of(record[key], key)
            if len(values) != frames:
                raise BadRecord("wrong_length", f"{len(values)} {key} for {frames} frames")
            return values, source  # type: ignore[return-value]
    given = record.get("slot_probabilities")
    if given is None:
        return None, None
    if isinstance(given, Mapping):
        table: dict[int, float] = {}
        for slot, value in as_object(given).items():
            if not (slot.isascii() and slot.isdigit() and len(slot) < 8):
                raise BadRecord("out_of_range", f"slot {shown(slot, 40)!r} of slot_probabilities is no number")
            if int(slot) in table:
                raise BadRecord("duplicate_key", f"slot {int(slot)} stands twice in slot_probabilities")
            table[int(slot)] = number_of(value, f"slot_probabilities of {slot}", 0, 1)
        return spread(table, frames, slots), "token_probabilities"
    return spread(numbers_of(given, "slot_probabilities").tolist(), frames, slots), "token_probabilities"


def _slots(value: Any) -> int:
    found = number_of(value, "slots", 2, _MOST_SLOTS)
    if not found.is_integer():
        raise BadRecord("wrong_type", f"slots is {found}, no whole number")
    return int(found)


def _selected(values: list[Any], frames: int) -> Flags:
    """Flags where there is one a frame and all are 0 or 1, else frame indices."""
    if len(values) == frames and all(isinstance(v, int | float) and v in (0, 1) for v in values):
        return np.array(values, bool)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise BadRecord(
                "wrong_type", f"selected holds {shown(repr(value), 40)}, neither flags of {frames} frames nor indices"
            )
    return one_hot([int(value) for value in values], frames)


def _one_of(value: Any, name: str, allowed: tuple[Any, ...]) -> Any:
    if value not in allowed:
        raise BadRecord("out_of_range", f"{name} is {shown(repr(value), 40)}, not one of {', '.join(allowed)}")
    return value


def _check_keys(path: Path, row: Row) -> None:
    if not isinstance(row.value, Object):
        return
    unknown = next((key for key in row.value if key not in KEYS), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, KEYS, n=1, cutoff=0)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"{path}, record {row.number}: unknown key {shown(unknown, 60)!r}{hint} (known: {', '.join(KEYS)})"
        )
