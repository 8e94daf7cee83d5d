r"""Turns a model's text into a prediction: chosen frames, a score for each frame, and the text without time marks.

`schemas.temporal` reads both dialects and all three time forms, strictly first. Text that is not strictly right is read
leniently (`schemas.temporal_lenient`), with a list of problems. A slot becomes a frame by the exact inverse of the map
that made the labels (`schemas.time.slot_to_index`).

Scores of frames come from the probabilities of slot tokens, p(k) for the slots k = 0..S-1 (with several decoding steps
the largest). f(k) = round(k / (S - 1) * (T - 1)) is the frame that slot k shows:

    score(f) = max of p(k) over the slots with f(k) = f        where such a slot exists
    score(f) = linear in f between its two neighbours          where none exists, which needs T > S

The scores are linear and not nearest: nearest would give the frames around a slot the same score, and rank correlations
read ties as indifference, which the model did not express. With T <= S every frame has a slot and nothing is
interpolated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from evaluation.cases import Floats, Prediction
from evaluation.readers.records import printable
from schemas.documents.evaluation import ScoreSource
from schemas.errors import GrammarError
from schemas.marks import has_marks, strip_marks
from schemas.temporal import parse_seconds, parse_slots, parse_stored
from schemas.temporal_lenient import lenient_seconds, lenient_slots, lenient_stored
from schemas.time import SLOTS, FrameIndex, Seconds, Slot, seconds_to_index, slot_to_index

Form = Literal["slots", "seconds", "stored"]
Task = Literal["v2vt", "v2v", "v2t"]
FORMS: tuple[Form, ...] = ("slots", "seconds", "stored")
TASKS: tuple[Task, ...] = ("v2vt", "v2v", "v2t")
_APART = re.compile(r"\]\s+\[")


class Generated(NamedTuple):
    """A prediction, and the problems of the text that it was read from; no problems where it parsed strictly."""

    prediction: Prediction
    problems: tuple[str, ...]


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
    output with neither; a `v2vt` output with only one of the two has an empty text or an empty selection. Marks after
    the end of the video and marks without meaning are left out and reported. Raises ValueError for T < 1, for slots < 2
    and for values that are not probabilities.
    """
    if frames < 1 or fps <= 0:
        raise ValueError(f"{frames} frames at {fps} fps")
    chosen, problems = (set(), ()) if task == "v2t" else _frames_of(text, form, token or {}, frames, fps, slots)
    words = "" if task == "v2v" else strip_marks(text).strip()
    source: ScoreSource | None = None
    scores = selected = None
    if task != "v2t":
        selected = np.zeros(frames, bool)
        selected[sorted(chosen)] = True
        scores, source = selected.astype(np.float64), "selection"
    if slot_probabilities is not None:
        scores, source = spread(slot_probabilities, frames, slots), "token_probabilities"
    if not words and not chosen:
        why = f"unparsable: {printable(text, 80)!r}" if text.strip() else "empty: the model wrote nothing"
        return Generated(Prediction(id_, failure=why), problems)
    return Generated(
        Prediction(id_, scores=scores, score_source=source, selected=selected, text=None if task == "v2v" else words),
        problems,
    )


def spread(probabilities: Mapping[int, float] | Sequence[float], frames: int, slots: int = SLOTS) -> Floats:
    """Scores (T,) of the frames from probabilities of the slots, each 0..1. A slot that a mapping leaves out has 0.

    Raises ValueError for a slot outside 0..slots-1, for another number of slots, and for values that are not
    probabilities.
    """
    table = np.zeros(slots)
    if isinstance(probabilities, Mapping):
        outside = [slot for slot in probabilities if not 0 <= slot < slots]
        if outside:
            raise ValueError(f"slot {outside[0]} outside 0..{slots - 1}")
        table[list(probabilities)] = list(probabilities.values())
    elif len(probabilities) != slots:
        raise ValueError(f"{len(probabilities)} probabilities for {slots} slots")
    else:
        table[:] = probabilities
    if not ((table >= 0) & (table <= 1 + 1e-6)).all():  # NaN fails too
        raise ValueError("probabilities lie within 0 and 1 (not their logarithms)")
    shows = np.array([slot_to_index(Slot(slot), frames, slots) for slot in range(slots)])
    best = np.full(frames, -1.0)
    np.maximum.at(best, shows, table)
    with_slot = np.flatnonzero(best >= 0)
    scores: Floats = np.interp(np.arange(frames), with_slot, best[with_slot])
    return scores


def _frames_of(
    text: str, form: Form, token: Mapping[str, float], frames: int, fps: float, slots: int
) -> tuple[set[int], tuple[str, ...]]:
    text = text.strip()
    if not has_marks(text):
        return set(), ("no time mark",)
    if not strip_marks(text):
        text = _APART.sub("][", text) + "."  # keyframes only: a full stop stands for the missing sentence
    problems: list[str] = []
    try:
        times = _strict(text, form, token, slots)
    except GrammarError:
        times, lenient_problems = _lenient(text, form, token, slots)
        problems += lenient_problems
        if text.startswith("["):  # a text that was cut off after a mark has chosen the mark's frames too
            times = _lenient(text + " .", form, token, slots)[0]
    chosen: set[int] = set()
    for time in times:
        if form == "slots":
            chosen.add(slot_to_index(Slot(int(time)), frames, slots))
            continue
        index = seconds_to_index(Seconds(min(time, 1e9)), fps) if time >= 0 else -1
        if index == frames:  # the end of the video: containers round their durations
            index = FrameIndex(frames - 1)
        if 0 <= index < frames:
            chosen.add(index)
        else:
            problems.append(f"{time:g} s lies outside the video of {frames} frames at {fps:g} fps")
    return chosen, tuple(problems)


def _strict(text: str, form: Form, token: Mapping[str, float], slots: int) -> list[float]:
    if form == "slots":
        return [float(slot) for line in parse_slots(text, slots) for slot in line.slots]
    lines = parse_seconds(text) if form == "seconds" else parse_stored(text, token)
    return [float(time) for line in lines for time in line.times]


def _lenient(text: str, form: Form, token: Mapping[str, float], slots: int) -> tuple[list[float], tuple[str, ...]]:
    if form == "slots":
        read = lenient_slots(text, slots)
        return [float(slot) for line in read.lines for slot in line.slots], read.problems
    sentences = lenient_seconds(text) if form == "seconds" else lenient_stored(text, token)
    return [float(time) for line in sentences.lines for time in line.times], sentences.problems
