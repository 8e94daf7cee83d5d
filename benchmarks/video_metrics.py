"""Compares the video metrics of 4,000 videos x 10 annotators x 200 frames with calls of scipy and sklearn.

Baseline: scipy.stats.kendalltau and spearmanr, and sklearn's f1, precision and recall, called for each video and
annotator, on 60 videos. This project computes the same values for all videos. There are two kinds of annotations:
selections of 15 %, which F1 uses too, and ratings 1..5.
"""

from __future__ import annotations

import json
import time
import warnings
from typing import Any

import numpy as np

from evaluation.cases import Flags, Floats, Prediction, Reference
from evaluation.metrics.overlap import Overlap, overlap
from evaluation.metrics.ranks import Correlations, rank_correlations
from evaluation.metrics.selection import top_share
from evaluation.metrics.video import evaluate_videos
from evaluation.protocols import get

VIDEOS, ANNOTATORS, FRAMES = 4_000, 10, 200
SAMPLE = 60
GOAL = 20


def ours(scores: Floats, annotations: Floats | Flags, chosen: Flags) -> tuple[Correlations, Overlap]:
    """All values of all videos and annotators by this project's functions."""
    return rank_correlations(scores, annotations), overlap(top_share(scores), chosen)


def one_by_one(scores: Floats, annotations: Floats | Flags, chosen: Flags) -> Floats:
    """The same values by the libraries: (videos, annotators, 5)."""
    from scipy.stats import kendalltau, spearmanr
    from sklearn.metrics import f1_score, precision_score, recall_score

    selections = top_share(scores)
    values = np.empty((*annotations.shape[:2], 5))
    for v, (row, selection) in enumerate(zip(scores, selections, strict=True)):
        for a in range(annotations.shape[1]):
            truth = chosen[v, a]
            values[v, a] = (
                kendalltau(row, annotations[v, a]).statistic,
                spearmanr(row, annotations[v, a]).statistic,
                f1_score(truth, selection),
                precision_score(truth, selection),
                recall_score(truth, selection),
            )
    return values


def measure() -> dict[str, Any]:
    """Time both on both kinds of annotations, and check that the values are equal."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    scores = rng.random((VIDEOS, FRAMES))
    liked = scores[:, None] + rng.normal(size=(VIDEOS, ANNOTATORS, FRAMES))
    chosen = top_share(liked)
    ratings = np.clip(np.round(liked + 3), 1, 5)
    figures: dict[str, Any] = {"videos": VIDEOS, "annotators": ANNOTATORS, "frames": FRAMES, "goal": GOAL}
    for name, targets in (("selections", chosen), ("ratings", ratings)):
        began = time.perf_counter()
        expected = one_by_one(scores[:SAMPLE], targets[:SAMPLE], chosen[:SAMPLE])
        baseline = (time.perf_counter() - began) / SAMPLE
        best = float("inf")
        for _ in range(3):
            began = time.perf_counter()
            ranks, sets = ours(scores, targets, chosen)
            best = min(best, time.perf_counter() - began)
        values = np.stack([*ranks, *sets], axis=-1)[:SAMPLE]
        difference = float(np.abs(values - expected).max())
        if not difference < 1e-9:
            raise AssertionError(f"{name}: the values differ by {difference}")
        figures[name] = {
            "seconds": round(best, 3),
            "libraries_seconds": round(baseline * VIDEOS, 1),
            "ratio": round(baseline * VIDEOS / best, 1),
            "largest_difference": difference,
        }
    references = [Reference(str(i), FRAMES, selections=row) for i, row in enumerate(chosen)]
    pairs = [(r, Prediction(r.id, scores=row)) for r, row in zip(references, scores, strict=True)]
    began = time.perf_counter()
    evaluate_videos(get("videoxum"), pairs)
    figures["evaluate_videos_seconds"] = round(time.perf_counter() - began, 3)
    figures["ratio"] = min(figures["selections"]["ratio"], figures["ratings"]["ratio"])
    return figures


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
