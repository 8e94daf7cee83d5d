"""BLEU and METEOR of a corpus from sums of counts over videos, so that intervals can recompute them for resamples.

Their corpus values are not means over videos. Each video adds a row of counts, and the corpus value is a function of
the sum of the rows; for a resample of the videos the sum is weighted. Reported values come from the scorers themselves
(text.py). The functions here serve the resamples only; tests show that they give the same values to 1e-12.

    BLEU-n    10 counts: words predicted, words of the closest reference, n-grams predicted (4), of these matched (4)
    METEOR    the jar's 23 statistics: words and function words of both sides, matches of content and function words of
              both sides by matcher (exact, stem, synonym, paraphrase), chunks, matched words of both sides
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from evaluation.cases import Floats

BLEU_COUNTS, METEOR_COUNTS = 10, 23
_SMALL, _TINY = 1e-9, 1e-15  # coco-caption adds these against divisions by zero
# METEOR 1.5's parameters of `-l en` (task "rank"): Denkowski and Lavie 2014, table 2; weights by matcher.
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75
_WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])


def bleu_row(counts: Mapping[str, Any]) -> list[float]:
    """The 10 counts of one video from an entry of `ctest` of pycocoevalcap's BleuScorer."""
    length = counts["testlen"]
    closest = min((abs(other - length), other) for other in counts["reflen"])[1]
    return [float(number) for number in (length, closest, *counts["guess"], *counts["correct"])]


def corpus_bleu(order: int, counts: ArrayLike) -> Floats:
    """Corpus BLEU-`order` (1..4) of summed counts: (..., 10) -> (...). Smoothing and brevity penalty as coco-caption.

    BLEU-n = min(1, exp(1 - r / c)) * prod_k((matched_k + 1e-15) / (predicted_k + 1e-9)) ^ (1 / n).
    """
    table = np.asarray(counts, np.float64)
    ratio = (table[..., 0] + _TINY) / (table[..., 1] + _SMALL)
    precisions = (table[..., 6 : 6 + order] + _TINY) / (table[..., 2 : 2 + order] + _SMALL)
    brevity = np.where(ratio < 1, np.exp(np.minimum(1 - 1 / ratio, 0.0)), 1.0)
    score: Floats = precisions.prod(axis=-1) ** (1 / order) * brevity
    return score


def corpus_meteor(counts: ArrayLike) -> Floats:
    """METEOR of summed statistics: (..., 23) -> (...); 0 where nothing matches.

    P and R are weighted matches over weighted lengths (content words delta, function words 1 - delta),
    F = P R / (alpha P + (1 - alpha) R), penalty = gamma (chunks / matched words) ^ beta, score = F (1 - penalty).
    """
    table = np.asarray(counts, np.float64)
    matches = table[..., 4:20].reshape(*table.shape[:-1], 4, 4)  # by matcher: content of both sides, function of both
    share = np.array([_DELTA, _DELTA, 1 - _DELTA, 1 - _DELTA])
    weighted = (matches * share * _WEIGHTS[:, None]).sum(axis=-2)
    matched = weighted[..., :2] + weighted[..., 2:]  # (..., 2): predicted, reference
    lengths, functions = table[..., 0:2], table[..., 2:4]
    total = _DELTA * (lengths - functions) + (1 - _DELTA) * functions
    precision, recall = np.moveaxis(np.divide(matched, total, out=np.zeros_like(matched), where=total > 0), -1, 0)
    below = _ALPHA * precision + (1 - _ALPHA) * recall
    mean = np.divide(precision * recall, below, out=np.zeros_like(below), where=below > 0)
    words, chunks = table[..., 21:23].mean(axis=-1), table[..., 20]
    broken = np.divide(chunks, words, out=np.zeros_like(words), where=words > 0)
    score: Floats = mean * (1 - _GAMMA * broken**_BETA)
    return score


def _bleu(order: int) -> Callable[[Floats], Floats]:
    return lambda counts: corpus_bleu(order, counts)


CORPUS: Mapping[str, Callable[[Floats], Floats]] = {
    **{f"BLEU-{order}": _bleu(order) for order in (1, 2, 3, 4)},
    "METEOR": corpus_meteor,
}
"""By metric, the function from summed rows of its counts, (..., K), to corpus values, (...)."""


def rows_by_metric(bleu: Sequence[Sequence[float]], meteor: Sequence[Sequence[float]]) -> dict[str, Floats]:
    """The counts of every metric of `CORPUS`, (videos, K) each, from the rows of BLEU and the statistics of METEOR."""
    counts = np.array(bleu, np.float64).reshape(-1, BLEU_COUNTS)
    matches = np.array(meteor, np.float64).reshape(-1, METEOR_COUNTS)
    # The jar's aggregate counts no chunk for a video whose two sides match completely in one chunk.
    matched = matches[:, 4:20].reshape(-1, 8, 2).sum(axis=1)
    matches[(matched == matches[:, 0:2]).all(axis=1) & (matches[:, 20] == 1), 20] = 0
    return {name: matches if name == "METEOR" else counts for name in CORPUS}
