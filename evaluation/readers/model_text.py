r"""Turns a model's text into a prediction: chosen frames, a score for each frame, and the text without time marks.

`schemas.temporal` reads both dialects and all three time forms, strictly first. Text that is not strictly right is read
leniently (`schemas.temporal_lenient`), with a list of problems. A slot becomes a frame by the exact inverse of the map
that made the labels (`schemas.time.slot_to_index`). A span `[3.0 - 5.0]` chooses the frames nearest to its ends and all
frames between them.

Scores of frames come from the probabilities of slot tokens (`SlotMap.scores`; with several decoding steps the largest).
They are linear between slots and not nearest: nearest would give the frames around a slot the same score, and rank
correlations read ties as indifference, which the model did not express.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from evaluation.cases import Prediction
from evaluation.readers.records import printable
from models.summarizers.slots import SlotMap
from schemas.documents.evaluation import ScoreSource
from schemas.errors import GrammarError
from schemas.marks import has_marks, marks_in, strip_marks
from schemas.temporal import parse_seconds, parse_slots, parse_stored
from schemas.temporal_lenient import bracketed_times, lenient_slots, lenient_spans, lenient_stored, spoken_times
from schemas.time import SLOTS, Seconds, Slot, seconds_to_index, slot_to_index

Form = Literal["slots", "seconds", "stored"]
Task = Literal["v2vt", "v2v", "v2t"]
FORMS: tuple[Form, ...] = ("slots", "seconds", "stored")
TASKS: tuple[Task, ...] = ("v2vt", "v2v", "v2t")
UNREADABLE = "unreadable_times"
_APART = re.compile(r"\]\s+\[")


class Generated(NamedTuple):
    """A prediction, and the problems of the text that it was read from; no problems where it parsed strictly.

    `times`: how many times of the text name frames of the video; `dropped`: how many do not.
    """

    prediction: Prediction
    problems: tuple[str, ...]
    times: int = 0
    dropped: int = 0


class _Frames(NamedTuple):
    """Frames that a text names. `words`: the text without marks."""

    chosen: set[int]
    problems: tuple[str, ...]
    words: str
    times: int = 0
    dropped: int = 0


def from_text(
    id_: str,
    text: str,
    *,
    frames: int,
    fps: float = 1.0,
    form: Form = "slots",
    task: Task = "v2vt",
    token: Mapping[str, float] | None = None,
    slots: int = SLOTS,
    slot_probabilities: Mapping[int, float] | Sequence[float] | None = None,
) -> Generated:
    """Read a model's output for a video of `frames` (T >= 1) frames at `fps`.

    The prediction's `selected` (T,) are the frames that the marks name, its `text` the words. Scores come from
    `slot_probabilities` where given, else from the selection. `token`: the seconds of the stored form's placeholders.

    For the task `v2t` an output without words is a failure, for `v2v` an output without readable marks, for `v2vt` an
    output with neither; a `v2vt` output with only one of the two has an empty text or an empty selection. An output
    whose marks are all unreadable, or all after the end of the video, is a failure of `v2v` and `v2vt`. Where only some
    of the marks are, they are left out and reported. Raises ValueError for T < 1, for slots < 2 and for values that are
    not probabilities.
    """
    if frames < 1 or fps <= 0:
        raise ValueError(f"{frames} frames at {fps} fps")
    read = _words(text, form) if task == "v2t" else _frames_of(text, form, token or {}, frames, fps, slots)
    words = "" if task == "v2v" else read.words
    source: ScoreSource | None = None
    scores = selected = None
    if task != "v2t":
        selected = np.zeros(frames, bool)
        selected[sorted(read.chosen)] = True
        scores, source = selected.astype(np.float64), "selection"
    if slot_probabilities is not None:
        scores, source = SlotMap(slots).scores(slot_probabilities, frames), "token_probabilities"
    why = None
    if read.dropped and not read.chosen:
        count = "the only time" if read.dropped == 1 else f"none of {read.dropped} times"
        named = "is no frame" if read.dropped == 1 else "is a frame"
        why = f"{UNREADABLE}: read as {form}, {count} {named} of the video: {printable(read.problems[0])}"
    elif not words and not read.chosen:
        why = f"unparsable: {printable(text, 80)!r}" if text.strip() else "empty: the model wrote nothing"
    if why is not None:
        return Generated(Prediction(id_, failure=why), read.problems, read.times, read.dropped)
    return Generated(
        Prediction(id_, scores=scores, score_source=source, selected=selected, text=None if task == "v2v" else words),
        read.problems,
        read.times,
        read.dropped,
    )


def _words(text: str, form: Form) -> _Frames:
    return _Frames(set(), (), strip_marks(spoken_times(text) if form == "seconds" else text).strip())


def _frames_of(text: str, form: Form, token: Mapping[str, float], frames: int, fps: float, slots: int) -> _Frames:
    text = text.strip()
    read = _strict(text, form, token, slots)
    if read is None:
        if form == "seconds":
            text = spoken_times(text)
        elif not has_marks(text) and (clocks := marks_in(bracketed_times(text))):
            return _Frames(set(), ("its times are clocks or have units",), strip_marks(text), 0, len(clocks))
        if not has_marks(text):
            return _Frames(set(), ("no time mark",), strip_marks(text))
        read = _read(text, form, token, slots)
    problems = list(read.problems)
    chosen: set[int] = set()
    dropped = read.unread
    for first, last in read.spans:
        if form == "slots":
            chosen.add(slot_to_index(Slot(int(first)), frames, slots))
            continue
        begin, end = _index(first, frames, fps), _index(last, frames, fps)
        if begin < frames:
            chosen.update(range(begin, min(end, frames - 1) + 1))
        dropped += begin >= frames
        if end >= frames:
            problems.append(f"{last:g} s lies outside the video of {frames} frames at {fps:g} fps")
    times = len(read.spans) + read.unread - dropped
    return _Frames(chosen, tuple(problems), strip_marks(text).strip(), times, dropped)


def _index(time: float, frames: int, fps: float) -> int:
    """The frame nearest to a time; T for a time after the end of the video."""
    index = int(seconds_to_index(Seconds(min(time, 1e9)), fps)) if time >= 0 else frames + 1
    if index == frames:  # the end of the video: containers round their durations
        return frames - 1
    return min(index, frames)


class _Times(NamedTuple):
    """First and last time of every mark, in the form's own unit, and what could not be read."""

    spans: list[tuple[float, float]]
    problems: tuple[str, ...] = ()
    unread: int = 0


def _strict(text: str, form: Form, token: Mapping[str, float], slots: int) -> _Times | None:
    """The times of a text that is exactly right, else None."""
    try:
        if form == "slots":
            times = [float(slot) for line in parse_slots(text, slots) for slot in line.slots]
        else:
            lines = parse_seconds(text) if form == "seconds" else parse_stored(text, token)
            times = [float(time) for line in lines for time in line.times]
    except GrammarError:
        return None
    return _Times([(time, time) for time in times])


def keyframes_as_text(text: str) -> str:
    """A text of marks alone as the grammar writes it: a full stop stands for the missing sentence. Others unchanged."""
    return text if strip_marks(text) else _APART.sub("][", text.strip()) + "."


def _read(text: str, form: Form, token: Mapping[str, float], slots: int) -> _Times:
    if not strip_marks(text):
        text = keyframes_as_text(text)
        if (strict := _strict(text, form, token, slots)) is not None:
            return strict
    read = _lenient(text, form, token, slots)
    if text.startswith("["):  # a text that was cut off after a mark has chosen the mark's frames too
        return read._replace(spans=_lenient(text + " .", form, token, slots).spans)
    return read


def _lenient(text: str, form: Form, token: Mapping[str, float], slots: int) -> _Times:
    if form == "slots":
        slot_lines = lenient_slots(text, slots)
        cited = [float(slot) for line in slot_lines.lines for slot in line.slots]
        return _Times([(slot, slot) for slot in cited], slot_lines.problems, slot_lines.unread)
    if form == "seconds":
        spans = lenient_spans(text)
        found = [(float(a), float(b)) for line in spans.lines for a, b in line.marks]
        return _Times(found, spans.problems, spans.unread)
    stored = lenient_stored(text, token)
    points = [float(time) for line in stored.lines for time in line.times]
    return _Times([(time, time) for time in points], stored.problems, stored.unread)
