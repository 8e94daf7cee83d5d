"""How far a selection of frames agrees with each annotator's: precision, recall and F1.

    P = |S & A| / |S|,  R = |S & A| / |A|,  F1 = 2 |S & A| / (|S| + |A|)

as sklearn.metrics has them for binary labels. Where a fraction has nothing below its line it is NaN: P of an empty
selection, R against an annotator who chose nothing, F1 where both are empty.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Over = Literal["mean", "max"]


class Overlap(NamedTuple):
    """Of B selections with A annotators each, (B, A); or over annotators, (B,). NaN: undefined."""

    f1: Floats
    precision: Floats
    recall: Floats


def overlap(selections: Flags, annotators: Flags) -> Overlap:
    """Compare every selection with its annotators.

    `selections` (B, T); `annotators` (B, A, T), or (1, A, T) for the same ones for all. Raises ValueError for other
    shapes or what is not flags.
    """
    s, a = selections, annotators
    if s.dtype != np.bool_ or a.dtype != np.bool_:
        raise ValueError("selections must be flags")
    if s.ndim != 2 or a.ndim != 3 or a.shape[0] not in (1, s.shape[0]) or a.shape[2] != s.shape[1]:
        raise ValueError(f"selections of shape {s.shape} and annotators of shape {a.shape} do not fit")
    # Counts as products of float32, which holds every whole number up to 2**24 frames.
    kind = np.float32 if s.shape[1] < 2**24 else np.float64
    left, right = s.astype(kind), a.astype(kind)
    both = left @ right[0].T if a.shape[0] == 1 else np.matmul(right, left[:, :, None])[:, :, 0]
    common = both.astype(np.float64)
    chosen = np.count_nonzero(s, axis=-1).astype(np.float64)[:, None]
    wanted = np.count_nonzero(a, axis=-1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Overlap(2 * common / (chosen + wanted), common / chosen, common / wanted)


def with_empty_rule(found: Overlap, rule: Literal["zero", "selection_zero"]) -> Overlap:
    """Say what an undefined value counts.

    `zero`: all are 0, as sklearn's default. `selection_zero`: the precision of an empty selection is 0, so that to
    choose nothing is no way out; annotators who chose nothing stay undefined in recall, and in F1 where both are empty.
    """
    precision = np.nan_to_num(found.precision, nan=0.0)
    if rule == "selection_zero":
        return found._replace(precision=precision)
    return Overlap(np.nan_to_num(found.f1, nan=0.0), precision, np.nan_to_num(found.recall, nan=0.0))


def over_annotators(found: Overlap, over: Over) -> Overlap:
    """One value a selection: (B, A) -> (B,).

    `mean`: of the annotators for whom it is defined. `max`: the annotator of the highest F1, and that one's precision
    and recall (the first of equals). NaN where no annotator has a value.
    """
    if over == "mean":
        return Overlap(*(mean_defined(values) for values in found))
    if not found.f1.shape[1]:
        return Overlap(*(np.full(found.f1.shape[0], np.nan) for _ in found))
    best = np.argmax(np.where(np.isnan(found.f1), -1.0, found.f1), axis=1)[:, None]
    return Overlap(*(np.take_along_axis(values, best, axis=1)[:, 0] for values in found))


def mean_defined(values: Floats) -> Floats:
    """The mean over the last axis of what is not NaN; NaN where nothing is."""
    there = ~np.isnan(values)
    count = there.sum(axis=-1)
    total = np.where(there, values, 0.0).sum(axis=-1)
    return np.asarray(np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0))
