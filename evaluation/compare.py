"""Compares systems of two evaluations on their common videos, with paired intervals and tests.

Evaluations that were made in different ways are refused. All runs of a system count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from pydantic import ValidationError

from evaluation.protocols import LATER_CHOICES
from evaluation.uncertainty.bootstrap import INTERVAL, Statistic, corpus_of, mean_of, mean_of_runs
from evaluation.uncertainty.metric_intervals import CorpusMetrics, span_of, sums_of
from evaluation.uncertainty.significance import TEST, Paired, defined_in_both, holm, paired
from evaluation.units import KNOWN_UNITS
from schemas.documents.comparison import Comparison, MetricComparison
from schemas.documents.evaluation import Evaluation, MetricValue, Provenance, SystemValues, VideoValues
from schemas.errors import ConfigError
from schemas.safe_text import plain

_MUST_AGREE = ("protocol", "references_sha256", "splits", "clip", "text_unit", "text_scorers")
_LONGEST = 80  # characters of a name or value in a message
_NEAR = 1e-9  # a smaller difference is a tie


class _Pair(NamedTuple):
    """One metric of both systems on the common videos; a video that either system does not have is left out of both."""

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
    left_runs, right_runs = _runs_by_id(left), _runs_by_id(right)
    left_videos, right_videos = left_runs[0].keys(), right_runs[0].keys()
    common = sorted(left_videos & right_videos)
    if not common:
        raise ConfigError(f"{_short(left.name)} and {_short(right.name)} have no video in common")
    a, b = ([[run[name] for name in common] for run in runs] for runs in (left_runs, right_runs))
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
        only_first=len(left_videos - right_videos),
        only_second=len(right_videos - left_videos),
        interval=INTERVAL,
        test=f"{TEST}; p adjusted by Holm over {len(adjusted)} metrics{_told(len(left_runs), len(right_runs))}",
        seed=seed,
    )


def _refuse_unlike(first: Provenance, second: Provenance) -> None:
    differs = [
        f"{name}: {_short(getattr(first, name))} and {_short(getattr(second, name))}"
        for name in _MUST_AGREE
        if getattr(first, name) != getattr(second, name)
    ]
    for name in sorted(first.choices.keys() | second.choices.keys()):
        lacking = LATER_CHOICES.get(name, "not stated")
        left, right = first.choices.get(name, lacking), second.choices.get(name, lacking)
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


def _told(first: int, second: int) -> str:
    if first == second == 1:
        return ""
    return f"; means over {first} and {second} runs: the interval is also over runs, the test is of these runs"


def _runs_by_id(system: SystemValues) -> list[dict[str, VideoValues]]:
    """The videos of every run. Raises ConfigError where the document does not have them, or not the same in each."""
    runs = [{video.id: video for video in run} for run in (system.videos, *system.more_runs)]
    name = _short(system.name)
    if len(runs) != system.runs:
        raise ConfigError(f"{name}: the document has videos of {len(runs)} of {system.runs} runs; evaluate it again")
    if len(runs[0]) != len(system.videos):
        raise ConfigError(f"{name} has a video twice")
    if any(run.keys() != runs[0].keys() for run in runs):
        raise ConfigError(f"the runs of {name} have different videos")
    return runs


def _pair(
    metric: MetricValue,
    systems: tuple[SystemValues, SystemValues],
    runs: tuple[Sequence[Sequence[VideoValues]], Sequence[Sequence[VideoValues]]],
    corpus: CorpusMetrics,
) -> _Pair:
    """Raises ConfigError for an unknown unit, and for no mean over videos whose function or sums are missing."""
    if metric.unit not in KNOWN_UNITS:
        raise ConfigError(f"its unit {_short(metric.unit)} is not known")
    name, span = metric.name, span_of(metric.unit)
    if name in corpus:
        a, b = (np.stack([sums_of(run, name) for run in part]) for part in runs)
        gone = np.asarray(np.isnan(a).any(axis=(0, 2)) | np.isnan(b).any(axis=(0, 2)))
        if a.shape[2] != b.shape[2] and not gone.all():
            raise ConfigError("the two evaluations hold different sums of it")
        if gone.all():
            a = b = np.full((1, len(gone), 1), np.nan)
        a, b = (np.where(gone[:, None], np.nan, table) for table in (a, b))
        first, second = (corpus_of(table, corpus[name], span) for table in (a, b))
        # The metric of each video alone: only to count wins and losses.
        one, other = (mean_of_runs(each.at(each.sums).T) for each in (first, second))
        change = np.where(gone, np.nan, other - one)
    else:
        for system in systems:
            _refuse_other_than_mean(system, name)
        tables = [np.array([[_number(video, name) for video in run] for run in part], np.float64) for part in runs]
        left, right = defined_in_both(*tables)
        first, second = mean_of(left, span), mean_of(right, span)
        change = mean_of_runs(right.T) - mean_of_runs(left.T)
    with np.errstate(invalid="ignore"):
        wins, losses = int((change > _NEAR).sum()), int((change < -_NEAR).sum())
    return _Pair(metric, first, second, wins, first.videos - wins - losses, losses)


def _number(video: VideoValues, name: str) -> float:
    value = video.values.get(name)
    return math.nan if value is None else value


def _refuse_other_than_mean(system: SystemValues, name: str) -> None:
    value = next((metric.value for metric in system.metrics if metric.name == name), None)
    runs = (system.videos, *system.more_runs)
    known = np.array([[_number(video, name) for video in run] for run in runs], np.float64)
    summed = any(name in video.sums for run in runs for video in run)
    near = value is None or abs(float(mean_of_runs(mean_of_runs(known))) - value) <= 1e-6
    if summed or not near:
        raise ConfigError("it is no mean over videos, and the function that makes it of their sums was not given")


def _compared(pair: _Pair, result: Paired, p_holm: float | None, common: int) -> MetricComparison:
    def at(statistic: Statistic) -> float | None:
        value = float(mean_of_runs(statistic.at(statistic.sums.sum(axis=1))))
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
