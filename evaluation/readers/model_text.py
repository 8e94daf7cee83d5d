r"""From what a model wrote to what is scored: frames chosen, a score per frame, the text without time marks.

Both dialects and all three time forms are read by `schemas.temporal`, strictly first, else leniently with what was
wrong. A slot becomes a frame by the exact inverse of the map that made the labels (`schemas.time.slot_to_index`).

Scores per frame from the probabilities of slot tokens, p(k) for slots k = 0..S-1 (several decoding steps: the largest),
with f(k) = round(k / (S - 1) * (T - 1)) the frame that slot k shows:

    score(f) = max of p(k) over the slots with f(k) = f        where there is one
    score(f) = linear in f between its two neighbours          where none is: only when T > S

Linear rather than nearest: nearest would tie the frames about every slot, and rank correlations read ties as
indifference, which the model has not expressed. With T <= S every frame is shown by a slot and nothing is interpolated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from evaluation.cases import Flags, Floats, Prediction
from evaluation.readers.records import shown
from schemas.errors import GrammarError
from schemas.evaluation import ScoreSource
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
    """A prediction, and what was wrong with the text that it was read from (nothing: it parsed strictly)."""

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

    `selected` (T,) are the frames that its marks name; `text` its words. Scores come from `slot_probabilities`, else
    from the selection. `token`: what the placeholders of the stored form stand for, in seconds.

    An output without words is a failure for `v2t`, one without readable marks for `v2v`, one with neither for `v2vt`; a
    `v2vt` output that lacks one of the two has the empty text or the empty selection there. Marks past the end of the
    video, or that mean nothing, are left out and reported. Raises ValueError for T < 1, slots < 2 or bad probabilities.
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
        why = f"unparsable: {shown(text, 80)!r}" if text.strip() else "empty: the model wrote nothing"
        return Generated(Prediction(id_, failure=why), problems)
    return Generated(
        Prediction(id_, scores=scores, score_source=source, selected=selected, text=None if task == "v2v" else words),
        problems,
    )


def spread(probabilities: Mapping[int, float] | Sequence[float], frames: int, slots: int = SLOTS) -> Floats:
    """Scores (T,) of the frames from probabilities of the slots (0..1; a mapping may leave slots out: 0 there).

    Raises ValueError for a slot outside 0..slots-1, another number of slots, or what is no probability.
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
    there = np.flatnonzero(best >= 0)
    scores: Floats = np.interp(np.arange(frames), there, best[there])
    return scores


def one_hot(indices: Sequence[int], frames: int) -> Flags:
    """Frames of the grid as flags (T,). Raises ValueError for one outside 0..T-1."""
    flags = np.zeros(frames, bool)
    for index in indices:
        if not 0 <= index < frames:
            raise ValueError(f"frame {index} outside 0..{frames - 1}")
        flags[index] = True
    return flags


def _frames_of(
    text: str, form: Form, token: Mapping[str, float], frames: int, fps: float, slots: int
) -> tuple[set[int], tuple[str, ...]]:
    text = text.strip()
    if not has_marks(text):
        return set(), ("no time mark",)
    if not strip_marks(text):
        text = _APART.sub("][", text) + "."  # keyframes only: marks of a sentence that is not there
    problems: list[str] = []
    try:
        times = _strict(text, form, token, slots)
    except GrammarError:
        times, found = _lenient(text, form, token, slots)
        problems += found
        if text.startswith("["):  # cut off after a mark: the frames are chosen all the same
            times = _lenient(text + " .", form, token, slots)[0]
    chosen: set[int] = set()
    for time in times:
        if form == "slots":
            chosen.add(slot_to_index(Slot(int(time)), frames, slots))
            continue
        index = seconds_to_index(Seconds(min(time, 1e9)), fps) if time >= 0 else -1
        if index == frames:  # the end of the video itself: containers round their durations
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
    found = lenient_seconds(text) if form == "seconds" else lenient_stored(text, token)
    return [float(time) for line in found.lines for time in line.times], found.problems
