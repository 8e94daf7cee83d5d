"""Finds an evaluation in which no system has any value, and says why."""

from __future__ import annotations

from collections import Counter

from schemas.documents.evaluation import Evaluation

_WAYS_OUT = {
    "no shots": "shots are in eccv16_dataset_tvsum_google_pool5.h5 and eccv16_dataset_summe_google_pool5.h5: give the "
    "file as one more --references",
    "no annotators' scores": "TVSum's ratings are in ydata-tvsum50.mat and ydata-tvsum50-anno.tsv: give one of them as "
    "one more --references",
    "no selections of the whole video": "the protocol needs annotators' summaries of all frames, as "
    "eccv16_dataset_tvsum_google_pool5.h5 and SumMe's GT have them",
    "predicts no frames": "a system of texts alone has text metrics only: install the extra `text`, and leave out "
    "--no-text",
}


def why_no_values(evaluation: Evaluation) -> str | None:
    """Why every metric of every system is undefined, with a way out where one is known; None where a value exists.

    None also where every prediction of every system failed: those count as the worst, and the problems say why.
    """
    systems = [row for row in evaluation.systems if row.kind == "system"]
    if any(metric.value is not None for row in systems for metric in row.metrics):
        return None
    if all(video.failure is not None for row in systems for video in row.videos):
        return None
    reasons: dict[str, Counter[str]] = {}
    for row in systems:
        for metric in row.metrics:
            counts = metric.undefined or ({metric.reason: len(row.videos)} if metric.reason else {})
            for reason, videos in counts.items():
                reasons.setdefault(reason, Counter())[metric.name] = videos
    told = [f"{', '.join(metrics)}: {reason} ({max(metrics.values())} videos)" for reason, metrics in reasons.items()]
    ways = [way for words, way in _WAYS_OUT.items() if any(words in reason for reason in reasons)]
    return f"no metric has a value. {'; '.join(told)}" + "".join(f". {way[0].upper()}{way[1:]}" for way in ways)
