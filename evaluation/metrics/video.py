"""The video metrics of one system, under a named protocol.

Videos of the same length and number of annotators are worked on together where the protocol needs only the grid; else
one video at a time, with as many submissions as there are (the draws of the random floor, one an annotator).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluation.cases import Flags, Floats, Prediction, Reference
from evaluation.metrics.overlap import mean_defined, over_annotators, overlap, with_empty_rule
from evaluation.metrics.ranks import rank_correlations
from evaluation.metrics.selection import expand, shot_summary, top_share, upstream_threshold
from evaluation.protocols import F1, KENDALL, PRECISION, RECALL, SPEARMAN, Protocol
from schemas.evaluation import VideoValues

Kind = TypeVar("Kind", bound=np.generic)
Numbers = NDArray[Any]  # scores or flags: what is ranked
_NO_SHOTS = "the reference has no shots"


class Annotations(NamedTuple):
    """What annotators gave for a protocol: (A, frames) for ranks and for overlap; or why there is none."""

    ranks: Numbers | None
    overlap: Flags | None
    no_ranks: str = ""
    no_overlap: str = ""


class Submitted(NamedTuple):
    """B submissions as a protocol compares them: (B, frames) for ranks and for overlap; None where there is none.

    `lacking` says why not.
    """

    ranked: Numbers | None
    summary: Flags | None
    lacking: str = "there is no summary"


class Measured(NamedTuple):
    """Values of B submissions by metric, (B,); NaN: undefined, for the reasons in `undefined`."""

    values: dict[str, Floats]
    undefined: list[dict[str, str]]


def evaluate_videos(protocol: Protocol, pairs: Sequence[tuple[Reference, Prediction]]) -> list[VideoValues]:
    """All metrics of the protocol for every pair, in their order.

    A prediction with a failure, without scores and selection, of another length than its reference or with scores that
    are not finite gets the worst value of every metric. Raises ValueError where the ids of a pair differ.
    """
    done: dict[int, VideoValues] = {}
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, (reference, prediction) in enumerate(pairs):
        if reference.id != prediction.id:
            raise ValueError(f"a prediction for {prediction.id!a} was paired with {reference.id!a}")
        if (problem := _problem(reference, prediction)) is not None:
            done[i] = failed(protocol, reference, problem)
        else:
            groups.setdefault(_kind(protocol, i, reference, prediction), []).append(i)
    for members in groups.values():
        given = [annotated(protocol, pairs[i][0]) for i in members]
        sent = [_submitted(protocol, *pairs[i]) for i in members]
        first = given[0]._replace(
            ranks=_stacked([g.ranks for g in given]), overlap=_stacked([g.overlap for g in given])
        )
        joined = Submitted(_joined([s.ranked for s in sent]), _joined([s.summary for s in sent]), sent[0].lacking)
        found = measure(protocol, joined, first)
        for row, i in enumerate(members):
            reference, prediction = pairs[i]
            done[i] = VideoValues(
                id=reference.id,
                values={name: _value(column[row]) for name, column in found.values.items()},
                undefined=found.undefined[row],
                score_source="selection" if prediction.scores is None else prediction.score_source or "scores",
            )
    return [done[i] for i in range(len(pairs))]


def failed(protocol: Protocol, reference: Reference, reason: str) -> VideoValues:
    """The worst value of every metric that the reference allows (others stay undefined), with the reason."""
    given = annotated(protocol, reference)
    values: dict[str, float | None] = {}
    undefined: dict[str, str] = {}
    for metric in protocol.metrics:
        ranks = metric in (KENDALL, SPEARMAN)
        there = given.ranks if ranks else given.overlap
        values[metric.name] = metric.worst if there is not None else None
        if there is None:
            undefined[metric.name] = given.no_ranks if ranks else given.no_overlap
    return VideoValues(id=reference.id, values=values, undefined=undefined, failure=reason)


def annotated(protocol: Protocol, reference: Reference) -> Annotations:
    """The annotators' side of a video: (A, frames) each, or the reason why the reference has none."""
    full, limit = reference.full, protocol.frames_limit
    ranks: Numbers | None
    if protocol.rank_annotation == "scores":
        ranks, missing = reference.scores, "the reference has no annotators' scores"
    elif protocol.rank_on == "grid":
        ranks, missing = reference.selections, "the reference has no annotators' selections"
    else:
        ranks = full.selections if full is not None else None
        missing = "the reference has no selections of the whole video"
    if protocol.overlap_on == "grid":
        chosen, lacking = reference.selections, "the reference has no annotators' selections"
    else:
        chosen = full.selections if full is not None else None
        lacking = "the reference has no selections of the whole video"
    ranks = ranks[:, :limit] if ranks is not None and ranks.shape[0] else None
    chosen = chosen[:, :limit] if chosen is not None and chosen.shape[0] else None
    return Annotations(ranks, chosen, missing, lacking)


def submit(
    protocol: Protocol, reference: Reference, scores: Floats, selected: Flags | None = None, *, on: str = "grid"
) -> Submitted:
    """B submissions for one video: `scores` (B, T), or (B, N) with on="video"; `selected` (B, T): their own choice."""
    limit = protocol.frames_limit
    if not protocol.whole_video:
        scores = scores[:, :limit]
        if protocol.selection == "upstream_threshold":
            return Submitted(scores, upstream_threshold(scores, protocol.share))
        own = selected[:, :limit] if selected is not None else None
        return Submitted(scores, own if own is not None else top_share(scores, protocol.share))
    full = reference.full
    if full is None:
        on_grid = protocol.rank_on == "grid" and protocol.rank_input == "scores"
        return Submitted(scores if on_grid else None, None, "the reference has no frames of the whole video")
    everywhere = scores if on == "video" else np.asarray(expand(scores, full.picks, full.frames), np.float64)
    summary = shot_summary(everywhere, full, protocol.share) if full.shots.size else None
    if protocol.rank_input == "summary":
        return Submitted(summary, summary, _NO_SHOTS)
    return Submitted(everywhere if protocol.rank_on == "video" else scores, summary, _NO_SHOTS)


def measure(protocol: Protocol, sent: Submitted, given: Annotations, rows: int = 1) -> Measured:
    """All metrics of B submissions; the annotations are (A, frames), or (B, A, frames) where they differ.

    `rows`: B, where the submissions hold nothing that tells.
    """
    rows = next((len(part) for part in sent[:2] if part is not None), rows)
    undefined: list[dict[str, str]] = [{} for _ in range(rows)]
    values: dict[str, Floats] = {}
    if sent.summary is None or given.overlap is None:
        for metric in (F1, PRECISION, RECALL):
            values[metric.name] = _none(
                rows, undefined, metric.name, given.no_overlap if given.overlap is None else sent.lacking
            )
    else:
        per_annotator = with_empty_rule(overlap(sent.summary, _batched(given.overlap)), protocol.empty)
        for metric, column in zip(
            (F1, PRECISION, RECALL), over_annotators(per_annotator, protocol.overlap_over), strict=True
        ):
            values[metric.name] = column
            for row in np.flatnonzero(np.isnan(column)):
                undefined[row][metric.name] = "no annotator chose a frame"
    if sent.ranked is None or given.ranks is None:
        for metric in (KENDALL, SPEARMAN):
            values[metric.name] = _none(
                rows, undefined, metric.name, given.no_ranks if given.ranks is None else sent.lacking
            )
    else:
        target = _batched(given.ranks)
        if protocol.rank_target == "mean_of_annotators":
            target = target.mean(axis=1, keepdims=True)
        found = rank_correlations(sent.ranked, target)
        for metric, correlations in ((KENDALL, found.tau), (SPEARMAN, found.rho)):
            column = mean_defined(correlations)
            values[metric.name] = column
            for row in np.flatnonzero(np.isnan(column)):
                undefined[row][metric.name] = _why(sent.ranked[row], protocol.rank_input)
    if protocol.undefined == "zero":
        values = {name: np.nan_to_num(column, nan=0.0) for name, column in values.items()}
        undefined = [{} for _ in range(rows)]
    return Measured(values, undefined)


def _problem(reference: Reference, prediction: Prediction) -> str | None:
    if prediction.failure is not None:
        return prediction.failure
    if prediction.scores is None and prediction.selected is None:
        return "neither scores nor a selection"
    for name, array in (("scores", prediction.scores), ("selection", prediction.selected)):
        if array is not None and array.shape != (reference.frames,):
            size = array.size if array.ndim == 1 else f"{array.shape}"
            return f"{name} for {size} frames, the video has {reference.frames}"
    if prediction.scores is not None and not np.isfinite(prediction.scores).all():
        return "scores that are not finite"
    return "the video has no frames" if not reference.frames else None


def _kind(protocol: Protocol, place: int, reference: Reference, prediction: Prediction) -> tuple[object, ...]:
    if protocol.whole_video:
        return (place,)
    marks = (reference.scores, reference.selections)
    counts = tuple(None if part is None else part.shape[0] for part in marks)
    return (reference.frames, *counts, prediction.selected is not None, prediction.scores is not None)


def _submitted(protocol: Protocol, reference: Reference, prediction: Prediction) -> Submitted:
    selected = None if prediction.selected is None else prediction.selected[None]
    if prediction.scores is not None:
        return submit(protocol, reference, np.asarray(prediction.scores, np.float64)[None], selected)
    assert selected is not None  # _problem() lets nothing else through
    return submit(protocol, reference, selected.astype(np.float64), selected)


def _stacked(parts: list[NDArray[Kind] | None]) -> NDArray[Kind] | None:
    there = [part for part in parts if part is not None]
    return np.stack(there) if len(there) == len(parts) else None


def _joined(parts: list[NDArray[Kind] | None]) -> NDArray[Kind] | None:
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if len(there) == len(parts) else None


def _batched(given: NDArray[Kind]) -> NDArray[Kind]:
    return given if given.ndim == 3 else given[None]


def _none(rows: int, undefined: list[dict[str, str]], name: str, reason: str) -> Floats:
    for row in undefined:
        row[name] = reason
    return np.full(rows, np.nan)


def _why(ranked: Numbers, what: str) -> str:
    if ranked.size < 2:
        return "fewer than two frames"
    if (ranked == ranked[0]).all():
        return "the scores are constant" if what == "scores" else "the summary has all frames or none"
    return "the annotation is constant"


def _value(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
