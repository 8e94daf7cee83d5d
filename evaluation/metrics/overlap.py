"""Precision, recall and F1 of selections of frames against the selections of annotators.

    P = |S & A| / |S|,  R = |S & A| / |A|,  F1 = 2 |S & A| / (|S| + |A|)

as in sklearn.metrics for binary labels. A fraction whose denominator is 0 is NaN: P of an empty selection, R against an
annotator who chose nothing, F1 where both are empty.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from evaluation.cases import Flags, Floats

Over = Literal["mean", "max"]


class Overlap(NamedTuple):
    """F1, precision and recall of B selections: (B, A) with A annotators each, or (B,) over them. NaN: undefined."""

    f1: Floats
    precision: Floats
    recall: Floats


def overlap(selections: Flags, annotators: Flags) -> Overlap:
    """Compare every selection with its annotators. Returns (B, A) each.

    `selections` (B, T); `annotators` (B, A, T), or (1, A, T) where all selections have the same annotators. Raises
    ValueError for other shapes, and for arrays that are not flags.
    """
    s, a = selections, annotators
    if s.dtype != np.bool_ or a.dtype != np.bool_:
        raise ValueError("selections must be flags")
    if s.ndim != 2 or a.ndim != 3 or a.shape[0] not in (1, s.shape[0]) or a.shape[2] != s.shape[1]:
        raise ValueError(f"selections of shape {s.shape} and annotators of shape {a.shape} do not fit")
    # Matrix products count the common frames; float32 represents every whole number up to 2**24.
    kind = np.float32 if s.shape[1] < 2**24 else np.float64
    left, right = s.astype(kind), a.astype(kind)
    both = left @ right[0].T if a.shape[0] == 1 else np.matmul(right, left[:, :, None])[:, :, 0]
    common = both.astype(np.float64)
    chosen = np.count_nonzero(s, axis=-1).astype(np.float64)[:, None]
    wanted = np.count_nonzero(a, axis=-1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Overlap(2 * common / (chosen + wanted), common / chosen, common / wanted)


def with_empty_rule(values: Overlap, rule: Literal["zero", "selection_zero"]) -> Overlap:
    """Replace undefined values by what they count.

    `zero`: every undefined value is 0, as by default in sklearn. `selection_zero`: the precision of an empty selection
    is 0, so that a system gains nothing by choosing nothing; recall against an annotator who chose nothing stays
    undefined, and so does F1 where both are empty.
    """
    precision = np.nan_to_num(values.precision, nan=0.0)
    if rule == "selection_zero":
        return values._replace(precision=precision)
    return Overlap(np.nan_to_num(values.f1, nan=0.0), precision, np.nan_to_num(values.recall, nan=0.0))


def over_annotators(values: Overlap, over: Over) -> Overlap:
    """One value for each selection: (B, A) -> (B,).

    `mean`: the mean over the annotators for whom the value is defined. `max`: F1, precision and recall against the
    annotator with the highest F1 (the first of equals; one who chose nothing only where all did). NaN where no
    annotator has a value.
    """
    if over == "mean":
        return Overlap(*(mean_defined(part) for part in values))
    if not values.f1.shape[1]:
        return Overlap(*(np.full(values.f1.shape[0], np.nan) for _ in values))
    best = np.argmax(np.where(np.isnan(values.f1) | np.isnan(values.recall), -1.0, values.f1), axis=1)[:, None]
    return Overlap(*(np.take_along_axis(part, best, axis=1)[:, 0] for part in values))


def mean_defined(values: Floats) -> Floats:
    """The mean over the last axis without NaN; NaN where all values are NaN."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=-1)
    total = np.where(defined, values, 0.0).sum(axis=-1)
    return np.asarray(np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0))
