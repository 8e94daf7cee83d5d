"""Turns the outputs of other projects into records of this project's form (evaluation/readers/predictions.py).

    V2Xum-LLaMA's fork     [{"video_filename": "v_....mp4", "summary": "Sentence [08, 09]. ..."}]
    PGL-SUM and others     {"video_1": [0.12, 0.5, ...]}: scores
    LLaMA-Factory          generated_predictions.jsonl: {"prompt": "...", "predict": "...", "label": "..."}
    lmms-eval              ..._samples_TASK.jsonl: {"doc_id": 0, "target": "...", "filtered_resps": ["..."]}

Lines of LLaMA-Factory and lmms-eval name no video. Which video a line is about comes from, in this order: the key `id`,
where every line has one; for lmms-eval a name in `doc`; a file NAME.ids.txt, .ids.json or .ids.jsonl beside NAME.jsonl
with the ids in the order of the data (the data itself is such a file); the order of the references, where there are as
many lines as references. `doc_id` is the place in that order. What the line says of the truth (`label`, `target`) must
then be the reference's text, or the beginning of it, or name its keyframes: else the file is refused.

A line may also have `form`, `task`, `slots` and `token`, as in this project's form. Without `task`, the label says it:
one of marks alone means `v2v`, one of words alone `v2t`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.cases import Reference
from evaluation.readers.known_videos import KnownVideos
from evaluation.readers.model_text import from_text
from evaluation.readers.records import Object, Row, load_rows, printable, record_id
from schemas.errors import ConfigError
from schemas.marks import has_marks, strip_marks
from schemas.time import SLOTS

_SHARED = ("form", "task", "slots", "token")
_NAMES = ("id", "video_id", "video", "video_name", "video_path", "vid", "videoID", "youtube_id")
_WITHOUT_TOKENS = ("slots", "seconds")
_GENERATION_FAILED = "GENERATION_FAILED"
_LISTS = (".ids.txt", ".ids.json", ".ids.jsonl")


class Named(NamedTuple):
    """A record in this project's form, with its place in the file and its video. `failure`: it has no prediction.

    `label`: what the file says of the truth.
    """

    row: int
    id: str
    value: Any
    failure: str | None = None
    label: str | None = None


def named_records(path: Path, rows: Sequence[Row], references: Sequence[Reference]) -> list[Named] | None:
    """The records of a file of one of the other forms; None for a file of this project's own form.

    Raises ConfigError, which says what to do, where the videos of the lines are not known.
    """
    first = next((row.value for row in rows if isinstance(row.value, Object)), Object())
    once = [row.value for row in rows if row.number]  # a key that stands twice is there once more, as number 0
    if rows[0].key is not None and all(isinstance(value, list) for value in once):
        return [
            Named(row.number, record_id(path, row), Object(scores=row.value) if row.number else None) for row in rows
        ]
    if "video_filename" in first and "summary" in first:
        return [_v2xum_llama(path, row) for row in rows]
    if "predict" in first and ("label" in first or "prompt" in first):
        return _with_ids(path, rows, [_llama_factory(row) for row in rows], references)
    if "doc_id" in first and ("filtered_resps" in first or "resps" in first):
        known = KnownVideos(references)
        return _with_ids(path, rows, [_lmms_eval(row, known) for row in rows], references)
    return None


def _v2xum_llama(path: Path, row: Row) -> Named:
    id_ = _stem(record_id(path, row, "video_filename"))
    summary = row.value.get("summary") if isinstance(row.value, Object) else None
    failed = isinstance(summary, str) and summary.strip() == _GENERATION_FAILED
    why = "generation_failed: the model wrote nothing" if failed else None
    return Named(row.number, id_, Object(text=summary) if isinstance(row.value, Object) else row.value, why)


def _llama_factory(row: Row) -> Named:
    if not isinstance(row.value, Object):
        return Named(row.number, "", row.value)
    label = row.value.get("label")
    record = _record(row.value, row.value.get("predict"), label)
    return Named(row.number, "", record, None, label if isinstance(label, str) else None)


def _lmms_eval(row: Row, known: KnownVideos) -> Named:
    if not isinstance(row.value, Object):
        return Named(row.number, "", row.value)
    target = row.value.get("target")
    said = row.value.get("filtered_resps", row.value.get("resps"))
    answers = list(dict.fromkeys(_texts(said)))
    why = f"ambiguous: {len(answers)} different answers" if len(answers) > 1 else None
    record = _record(row.value, answers[0] if answers else "", None)
    doc = row.value.get("doc")
    names = [doc[key] for key in _NAMES if isinstance(doc.get(key), str)] if isinstance(doc, dict) else []
    stems = [*names, *(_stem(name) for name in names)]
    id_ = next((name for name in stems if known.find(name) is not None), names[0] if names else "")
    return Named(row.number, id_, record, why, target if isinstance(target, str) else None)


def _record(value: Object, text: Any, label: Any) -> Object:
    record = Object(text=text, **{key: value[key] for key in _SHARED if key in value})
    record.repeated = value.repeated
    if "task" not in record and isinstance(label, str) and label.strip():
        record["task"] = ("v2vt" if strip_marks(label) else "v2v") if has_marks(label) else "v2t"
    return record


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value[:100]:
            yield from _texts(item)


def _with_ids(path: Path, rows: Sequence[Row], records: list[Named], references: Sequence[Reference]) -> list[Named]:
    own = ["id" in row.value for row in rows if isinstance(row.value, Object)]
    if len(own) == len(rows) and all(own):
        return [record._replace(id=record_id(path, row, "id")) for row, record in zip(rows, records, strict=True)]
    if all(record.id for record in records):
        return records
    lists = [file for suffix in _LISTS if (file := path.with_name(path.stem + suffix)).is_file()]
    wanted = path.with_name(path.stem + _LISTS[0])
    if lists:
        order, source = _ids_in(lists[0]), lists[0].name
        _check_count(path, len(order), source, rows)
    else:
        order, source = [reference.id for reference in references], "the references"
        if len(order) != len(rows):
            raise ConfigError(
                f"{path}: {len(rows)} lines for {len(order)} references, and no line names its video: write the ids of "
                f"the lines, in their order, one a line, to {wanted} (or copy the data there as "
                f"{path.stem}{_LISTS[1]}), or add the key `id` to every line"
            )
    joined = [
        record._replace(id=order[_place(path, row, index, len(order))])
        for index, (row, record) in enumerate(zip(rows, records, strict=True))
    ]
    _check_labels(path, joined, KnownVideos(references), source, wanted)
    return joined


def _check_count(path: Path, ids: int, source: str, rows: Sequence[Row]) -> None:
    by_place = all(isinstance(row.value, Object) and "doc_id" in row.value for row in rows)
    if ids != len(rows) and not by_place:
        raise ConfigError(f"{path}: {len(rows)} lines, but {source} has {ids} ids")


def _place(path: Path, row: Row, index: int, count: int) -> int:
    """The place of a line in the order of the data: its `doc_id`, else its own place."""
    place = row.value.get("doc_id", index) if isinstance(row.value, Object) else index
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < count:
        raise ConfigError(f"{path}, record {row.number}: doc_id {printable(repr(place), 40)} outside 0..{count - 1}")
    return place


def _check_labels(path: Path, records: Sequence[Named], known: KnownVideos, source: str, wanted: Path) -> None:
    """Raise ConfigError for a label that is not the text of its reference: the order is another one.

    Labels of marks alone are refused where most of them name other frames than their references' keyframes: a single
    one may be cut off, or come from another rounding.
    """
    unlike, alike = [], 0
    for record in records:
        reference = known.find(record.id)
        if reference is not None and (named := _names_keyframes(record, reference)) is not None:
            alike += named
            unlike += [] if named else [record]
        said = _letters(strip_marks(record.label or ""))
        texts = [_letters(text) for text in reference.texts] if reference is not None else []
        if said and texts and not any(text.startswith(said) or said.startswith(text) for text in texts if text):
            raise ConfigError(
                f"{path}, record {record.row}: by the order of {source} this is {printable(record.id, 80)}, but its "
                f"label {printable(record.label, 60)!r} is not the text of that reference: write the ids of the lines, "
                f"in their order, one a line, to {wanted}"
            )
    if len(unlike) > alike:
        raise ConfigError(
            f"{path}: by the order of {source}, the marks of {len(unlike)} of {len(unlike) + alike} labels are not the "
            f"keyframes of their references (record {unlike[0].row}: {printable(unlike[0].label, 60)}): write the ids "
            f"of the lines, in their order, one a line, to {wanted}; or give the lines their `form`"
        )


def _names_keyframes(record: Named, reference: Reference) -> bool | None:
    """Whether a label of marks alone names frames that an annotator chose, or next to them; None: no such label."""
    label, people = record.label or "", reference.selections
    form = record.value.get("form", "slots") if isinstance(record.value, Object) else None
    if people is None or not people.any() or not has_marks(label) or strip_marks(label) or form not in _WITHOUT_TOKENS:
        return None
    slots = record.value.get("slots", SLOTS)
    if not isinstance(slots, int) or slots < 2:
        return None
    read = from_text("", label, frames=reference.frames, fps=reference.fps, form=form, task="v2v", slots=slots)
    if read.prediction.selected is None:
        return False
    near = people.copy()
    near[:, 1:] |= people[:, :-1]
    near[:, :-1] |= people[:, 1:]
    return bool(near[:, read.prediction.selected].all(axis=1).any())


def _letters(text: str) -> str:
    """Letters and digits alone: tokenizers change white space and punctuation."""
    return "".join(c for c in text.casefold() if c.isalnum())


def _ids_in(path: Path) -> list[str]:
    if path.suffix != ".txt":
        rows = load_rows(path)
        return [row.value if isinstance(row.value, str) else record_id(path, row, *_NAMES) for row in rows]
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def _stem(name: str) -> str:
    file = name.rsplit("/", 1)[-1]
    return file.rsplit(".", 1)[0] if "." in file else file
