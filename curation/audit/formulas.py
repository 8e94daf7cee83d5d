"""The formulas of the sample audit: pure functions on unit vectors, hashes and words.

Scores are 0..1 (a cosine is -1..1), rounded to 4 digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.kit.content_words import content_words

Vectors = NDArray[np.float32]
_ROWS = 1024  # rows of a similarity matrix at a time
_UNRELATED_BITS = 32  # bits in which two unrelated 64-bit hashes differ on average


def share(value: float) -> float:
    """The value clamped to 0..1 and rounded to 4 digits; a cosine below 0 counts as no similarity."""
    return round(min(1.0, max(0.0, float(value))), 4) + 0.0


def cosine(value: float) -> float:
    """The value clamped to -1..1 and rounded to 4 digits."""
    return round(min(1.0, max(-1.0, float(value))), 4) + 0.0


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean of at least one value; the exact sum makes it independent of the order."""
    given = list(values)
    return math.fsum(given) / len(given)


def represented(items: Vectors, chosen: Vectors, counts: Sequence[int] | None = None) -> float:
    """How well `chosen` [k, d] represent `items` [n, d]: the mean over items of the largest cosine to a chosen row.

    The facility-location objective, sum over i of max over j in S of w_ij, divided by the number of items (Lindgren, Wu
    and Dimakis, Leveraging Sparsity for Efficient Submodular Data Summarization, 2016; for video, "representativeness"
    in Gygli et al., Video Summarization by Learning Submodular Mixtures of Objectives, 2015). It never falls when a row
    is added to `chosen`. `counts` weights each item by its number of occurrences. 0 without items or without `chosen`.
    """
    if not len(items) or not len(chosen):
        return 0.0
    best = np.clip(_nearest(items, chosen), 0, 1)
    weights = counts if counts is not None else [1] * len(items)
    return share(math.fsum(float(b) * w for b, w in zip(best, weights, strict=True)) / sum(weights))


def repeated(vectors: Vectors) -> float:
    """How far the rows [n, d] repeat each other: the mean over rows of the largest cosine to another row.

    It never falls when a copy of a row is added; the mean over all pairs would. 0 for fewer than two rows.
    """
    if len(vectors) < 2:
        return 0.0
    return share(mean(float(v) for v in np.clip(_nearest(vectors, vectors, same=True), 0, 1)))


def repeated_pictures(hashes: Sequence[str]) -> float:
    """How far pictures repeat each other, by their 64-bit perceptual hashes (16 hex digits each).

    As `repeated`, with the similarity 1 - bits / 32, at least 0, where `bits` is the number of bits that differ.
    """
    if len(hashes) < 2:
        return 0.0
    packed = np.array([list(int(text, 16).to_bytes(8, "big")) for text in hashes], dtype=np.uint8)
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
    agreement = _nearest(signs, signs, same=True)  # 64 - 2 * bits that differ
    bits = (64 - agreement) / 2
    return share(mean(float(v) for v in np.clip(1 - bits / _UNRELATED_BITS, 0, 1)))


def shots_shown(shots: Sequence[tuple[int, int]], keyframes: Iterable[int]) -> float:
    """The share of the shots (first and last frame index, inclusive) that hold a keyframe.

    A video without shots counts as one shot.
    """
    chosen = sorted(keyframes)
    if not shots:
        return share(bool(chosen))
    return share(sum(any(first <= index <= last for index in chosen) for first, last in shots) / len(shots))


def words_held(sentence: str, captions: Iterable[str]) -> float | None:
    """The share of the sentence's content words that are in any caption; None when it has no content words."""
    said = content_words(sentence)
    if not said:
        return None
    held = frozenset[str]().union(*(content_words(caption) for caption in captions))
    return share(len(said & held) / len(said))


def wins(own: Sequence[float], others: Sequence[float]) -> float | None:
    """The share of pairs in which a value of `own` is larger than a value of `others`; ties count half.

    It is the area under the ROC curve: 0.5 is chance, whatever the scale of the values (Mann and Whitney, 1947). None
    when one side is empty.
    """
    if not own or not others:
        return None
    difference = np.subtract.outer(np.asarray(own, np.float64), np.asarray(others, np.float64))
    return share(float((difference > 0).mean() + (difference == 0).mean() / 2))


def _nearest(rows: Vectors, columns: Vectors, *, same: bool = False) -> NDArray[np.float32]:
    """For each row the largest inner product with a column; with `same`, both are equal and a row skips itself."""
    largest = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _ROWS):
        products = rows[start : start + _ROWS] @ columns.T
        if same:
            diagonal = np.arange(len(products))
            products[diagonal, diagonal + start] = -np.inf
        largest[start : start + _ROWS] = products.max(axis=1)
    return largest
