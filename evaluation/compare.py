"""Compares systems of two evaluations on their common videos, with paired intervals and tests.

Evaluations that were made in different ways are refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from pydantic import ValidationError

from evaluation.uncertainty.bootstrap import INTERVAL, Statistic, corpus_of, mean_of
from evaluation.uncertainty.metric_intervals import CorpusMetrics, sums_of
from evaluation.uncertainty.significance import TEST, Paired, defined_in_both, holm, paired
from schemas.documents.comparison import Comparison, MetricComparison
from schemas.documents.evaluation import Evaluation, MetricValue, Provenance, SystemValues, VideoValues
from schemas.errors import ConfigError
from schemas.safe_text import plain

_MUST_AGREE = ("protocol", "references_sha256", "splits", "clip", "text_unit", "text_scorers")
_LONGEST = 80  # characters of a name or value in a message
_NEAR = 1e-9  # a smaller difference is a tie


class _Pair(NamedTuple):
    """One metric of both systems on the common videos; a video without a value in either system is left out of both."""

    metric: MetricValue
    first: Statistic
    second: Statistic
    wins: int
    ties: int
    losses: int


def read_evaluation(path: Path) -> Evaluation:
    """Read a document that `v2xum evaluate` wrote. Raises ConfigError, which names the file."""
    try:
        return Evaluation.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ConfigError(
            f"{path} is not an evaluation of this version ({where or 'document'}: {error.errors()[0]['msg']}): "
            "give a JSON file that `v2xum evaluate` wrote"
        ) from error


def compare(
    first: Evaluation,
    second: Evaluation,
    *,
    first_system: str | None = None,
    second_system: str | None = None,
    corpus: CorpusMetrics = MappingProxyType({}),
    seed: int = 0,
) -> Comparison:
    """Compare a system of `first` with a system of `second`. Both may be the same document.

    `first_system`, `second_system`: the name of the row to compare; it may be left out where a document has exactly one
    row of kind `system`. `corpus`: the functions of the metrics that are not means over videos; such a metric without
    its function is not compared, and its `reason` says so. Raises ConfigError when the two evaluations were made in
    different ways (the message names the differences), when a system does not exist, and when no video is in both.
    """
    _refuse_unlike(first.provenance, second.provenance)
    left, right = _system(first, first_system, "first"), _system(second, second_system, "second")
    left_videos, right_videos = _by_id(left), _by_id(right)
    common = sorted(left_videos.keys() & right_videos.keys())
    if not common:
        raise ConfigError(f"{_short(left.name)} and {_short(right.name)} have no video in common")
    a, b = [left_videos[name] for name in common], [right_videos[name] for name in common]
    known = {metric.name: metric for metric in right.metrics}
    reasons: dict[str, str] = {}
    pairs: list[_Pair] = []
    for metric in left.metrics:
        if metric.name in known:
            if why := metric.reason or known[metric.name].reason:
                reasons[metric.name] = why
                continue
            try:
                pairs.append(_pair(metric, (left, right), (a, b), corpus))
            except ConfigError as error:
                reasons[metric.name] = str(error)
    tested = dict(
        zip([pair.metric.name for pair in pairs], paired([(p.first, p.second) for p in pairs], seed), strict=True)
    )
    defined = {name: result for name, result in tested.items() if not math.isnan(result.p)}
    adjusted = dict(zip(defined, holm([result.p for result in defined.values()]), strict=True))
    by_name = {pair.metric.name: pair for pair in pairs}
    return Comparison(
        first=left.name,
        second=right.name,
        protocol=first.provenance.protocol,
        references=first.provenance.references,
        references_sha256=first.provenance.references_sha256,
        clip=first.provenance.clip,
        text_unit=first.provenance.text_unit,
        metrics=tuple(
            _compared(by_name[metric.name], tested[metric.name], adjusted.get(metric.name), len(common))
            if metric.name in by_name
            else _nothing(metric, len(common), reasons[metric.name])
            for metric in left.metrics
            if metric.name in known
        ),
        videos=len(common),
        only_first=len(left_videos.keys() - right_videos.keys()),
        only_second=len(right_videos.keys() - left_videos.keys()),
        interval=INTERVAL,
        test=f"{TEST}; p adjusted by Holm over {len(adjusted)} metrics",
        seed=seed,
    )


def _refuse_unlike(first: Provenance, second: Provenance) -> None:
    differs = [
        f"{name}: {_short(getattr(first, name))} and {_short(getattr(second, name))}"
        for name in _MUST_AGREE
        if getattr(first, name) != getattr(second, name)
    ]
    for name in sorted(first.choices.keys() | second.choices.keys()):
        left, right = first.choices.get(name, "not stated"), second.choices.get(name, "not stated")
        if left != right or type(left) is not type(right):
            differs.append(f"choice {_short(name)}: {_short(left)} and {_short(right)}")
    if differs:
        raise ConfigError(
            "these evaluations were made in different ways, so their numbers cannot be compared: "
            + "; ".join(differs)
            + ". Evaluate both with the same protocol, options and references"
        )


def _short(value: object) -> str:
    return plain(str(value), _LONGEST)


def _system(evaluation: Evaluation, name: str | None, which: str) -> SystemValues:
    wanted = [row for row in evaluation.systems if (row.kind == "system" if name is None else row.name == name)]
    if len(wanted) == 1:
        return wanted[0]
    names = ", ".join(_short(row.name) for row in evaluation.systems) or "none"
    problem = "does not have exactly one system" if name is None else f"does not have exactly one row {_short(name)}"
    raise ConfigError(f"the {which} evaluation {problem}; name one of: {names}")


def _by_id(system: SystemValues) -> dict[str, VideoValues]:
    videos = {video.id: video for video in system.videos}
    if len(videos) != len(system.videos):
        raise ConfigError(f"{_short(system.name)} has a video twice")
    return videos


def _pair(
    metric: MetricValue,
    systems: tuple[SystemValues, SystemValues],
    videos: tuple[Sequence[VideoValues], Sequence[VideoValues]],
    corpus: CorpusMetrics,
) -> _Pair:
    """Raises ConfigError where the metric is not a mean over videos, and its function or its sums are missing."""
    name = metric.name
    if name in corpus:
        if any(system.runs > 1 for system in systems):
            raise ConfigError(
                "it is no mean over videos, and the document does not hold the sums of each of several runs"
            )
        a, b = (sums_of(part, name) for part in videos)
        gone = np.asarray(np.isnan(a).any(axis=1) | np.isnan(b).any(axis=1))
        if a.shape != b.shape and not gone.all():
            raise ConfigError("the two evaluations hold different sums of it")
        if gone.all():
            a = b = np.full((len(a), 1), np.nan)
        a, b = (np.where(gone[:, None], np.nan, table) for table in (a, b))
        # The metric of each video alone: only to count wins and losses.
        first, second = corpus_of(a, corpus[name]), corpus_of(b, corpus[name])
        alone = second.at(second.sums[0]) - first.at(first.sums[0])
        change = np.where(gone, np.nan, alone)
    else:
        for system in systems:
            _refuse_other_than_mean(system, name)
        rows = [np.array([_number(video, name) for video in part], np.float64) for part in videos]
        left, right = defined_in_both(*rows)
        first, second, change = mean_of(left), mean_of(right), right - left
    with np.errstate(invalid="ignore"):
        wins, losses = int((change > _NEAR).sum()), int((change < -_NEAR).sum())
    return _Pair(metric, first, second, wins, first.videos - wins - losses, losses)


def _number(video: VideoValues, name: str) -> float:
    value = video.values.get(name)
    return math.nan if value is None else value


def _refuse_other_than_mean(system: SystemValues, name: str) -> None:
    value = next((metric.value for metric in system.metrics if metric.name == name), None)
    known = [number for video in system.videos if not math.isnan(number := _number(video, name))]
    summed = any(name in video.sums for video in system.videos)
    # With several runs the metric's value is the mean over the runs, which the videos of one run need not give.
    near = system.runs > 1 or value is None or (bool(known) and abs(np.mean(known) - value) <= 1e-6)
    if summed or not near:
        raise ConfigError("it is no mean over videos, and the function that makes it of their sums was not given")


def _compared(pair: _Pair, result: Paired, p_holm: float | None, common: int) -> MetricComparison:
    def at(statistic: Statistic) -> float | None:
        value = float(statistic.at(statistic.sums.sum(axis=1))[0])
        return None if math.isnan(value) else value

    difference, low, high = (None if math.isnan(end) else end for end in result.difference)
    return MetricComparison(
        name=pair.metric.name,
        unit=pair.metric.unit,
        first=at(pair.first),
        second=at(pair.second),
        difference=difference,
        low=low,
        high=high,
        p=None if math.isnan(result.p) else result.p,
        p_holm=p_holm,
        exact=result.exact,
        wins=pair.wins,
        ties=pair.ties,
        losses=pair.losses,
        videos=result.videos,
        undefined=common - result.videos,
        reason=None if difference is not None else "undefined for every common video",
    )


def _nothing(metric: MetricValue, common: int, reason: str) -> MetricComparison:
    return MetricComparison(
        name=metric.name, unit=metric.unit, first=None, second=None, difference=None, low=None, high=None, p=None,
        p_holm=None, exact=False, wins=0, ties=0, losses=0, videos=0, undefined=common, reason=reason,
    )  # fmt: skip
