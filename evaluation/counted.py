"""Counts the predictions that were worst in some metric: by one rule for exit codes, captions and pages."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.documents.evaluation import Evaluation, VideoValues


def counts_as_worst(video: VideoValues) -> bool:
    """Whether the prediction failed, or got the worst value of a metric because it did not answer."""
    return video.failure is not None or bool(video.as_worst)


def failed_predictions(evaluation: Evaluation) -> int:
    """How many predictions, of all runs of all systems, count as the worst in some metric. Each counts once."""
    return sum(sum(map(counts_as_worst, run)) for run in _runs(evaluation))


def failed_share(evaluation: Evaluation) -> float:
    """The share (0..1) of videos whose prediction counts as the worst in some metric, of the run with the largest."""
    return max((sum(map(counts_as_worst, run)) / len(run) for run in _runs(evaluation)), default=0.0)


def _runs(evaluation: Evaluation) -> Iterator[tuple[VideoValues, ...]]:
    for row in evaluation.systems:
        if row.kind == "system":
            yield from (run for run in (row.videos, *row.more_runs) if run)
