"""The video metrics of one system under a named protocol: F1, precision, recall, Kendall's tau and Spearman's rho.

Every value follows the rule of evaluation/units.py. `measure` leaves a value undefined where the formula has none;
`evaluate_videos` then asks whether any answer would have one. If so, the system's answer is worst.

Where a protocol needs only the grid, videos of the same length and number of annotators are measured together. Else one
video is measured at a time, with all its submissions (the draws of the random floor, or one for each annotator).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluation.cases import Flags, Floats, Prediction, Reference
from evaluation.metrics.overlap import mean_defined, over_annotators, overlap, with_empty_rule
from evaluation.metrics.ranks import rank_correlations
from evaluation.metrics.selection import expand, shot_summary, top_share, upstream_threshold
from evaluation.protocols import F1, KENDALL, PRECISION, RECALL, SPEARMAN, Protocol
from schemas.documents.evaluation import VideoValues

Kind = TypeVar("Kind", bound=np.generic)
Numbers = NDArray[Any]  # scores or flags: what is ranked
_NO_SHOTS = "the reference has no shots"
_NO_CHOICE = "no frame is chosen"


class Annotations(NamedTuple):
    """The annotators' side of a protocol: (A, frames) for ranks and for overlap, or the reasons why they are None."""

    ranks: Numbers | None
    overlap: Flags | None
    no_ranks: str = ""
    no_overlap: str = ""


class Submissions(NamedTuple):
    """B submissions as a protocol compares them: (B, frames) for ranks and for overlap.

    `lacking`: why `ranked` or `summary` is None.
    """

    ranked: Numbers | None
    summary: Flags | None
    lacking: str = "there is no summary"


class Measured(NamedTuple):
    """Values of B submissions by metric, (B,). NaN is undefined; `undefined` has the reasons of each submission."""

    values: dict[str, Floats]
    undefined: list[dict[str, str]]


def evaluate_videos(protocol: Protocol, pairs: Sequence[tuple[Reference, Prediction]]) -> list[VideoValues]:
    """All metrics of the protocol for every pair, in the order of the pairs.

    A prediction gets the worst value of every metric where it has a failure, where it has neither scores nor a
    selection, where its length is not that of its reference, where a score is not finite, and where it chooses no frame
    and has no other scores. A single value is worst where the answer has none although others would have one, such as
    the rank correlations of constant scores; `as_worst` says why. (A protocol that counts undefined values as 0 keeps
    this 0.) Raises ValueError where the two ids of a pair differ.
    """
    asked = replace(protocol, undefined="left_out")  # to tell why a value does not exist; 0 stands for it below
    done: dict[int, VideoValues] = {}
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, (reference, prediction) in enumerate(pairs):
        if reference.id != prediction.id:
            raise ValueError(f"a prediction for {prediction.id!a} was paired with {reference.id!a}")
        if (problem := _problem(reference, prediction)) is not None:
            done[i] = worst_values(protocol, reference).model_copy(update={"failure": problem})
        elif _chooses_nothing(prediction):
            worst = worst_values(protocol, reference)
            why = {name: _NO_CHOICE for name, value in worst.values.items() if name not in worst.undefined}
            done[i] = worst.model_copy(update={"as_worst": why, "score_source": "selection"})
        else:
            groups.setdefault(_group(protocol, i, reference, prediction), []).append(i)
    for members in groups.values():
        people = [annotations_of(protocol, pairs[i][0]) for i in members]
        sent = [_submission(protocol, *pairs[i]) for i in members]
        annotations = people[0]._replace(
            ranks=_stacked([each.ranks for each in people]), overlap=_stacked([each.overlap for each in people])
        )
        submissions = Submissions(
            _joined([each.ranked for each in sent]), _joined([each.summary for each in sent]), sent[0].lacking
        )
        measured = measure(asked, submissions, annotations)
        for row, i in enumerate(members):
            reference, prediction = pairs[i]
            made = VideoValues(
                id=reference.id,
                values={name: _value(column[row]) for name, column in measured.values.items()},
                undefined=measured.undefined[row],
                score_source="selection" if prediction.scores is None else prediction.score_source or "scores",
            )
            made = _resolved(protocol, reference, made) if made.undefined else made
            own = protocol.selection == "own_or_top_share" and prediction.selected is not None
            if own and prediction.selected is not None and not prediction.selected.any():  # beside scores of its own
                unanswered = {m.name: _NO_CHOICE for m in (F1, PRECISION, RECALL) if made.values[m.name] is not None}
                made = made.model_copy(update={"as_worst": {**unanswered, **made.as_worst}})
            done[i] = made
    return [done[i] for i in range(len(pairs))]


def summary_of(protocol: Protocol, reference: Reference, prediction: Prediction) -> tuple[Flags | None, str]:
    """The summary of a prediction that the protocol compares, and "" or the reason why there is none.

    The frames of the grid (T,), or all frames of the video (N,) where the protocol compares those. Frames beyond the
    protocol's limit are not in the summary.
    """
    if (problem := _problem(reference, prediction)) is not None:
        return None, problem
    summary, lacking = _submission(protocol, reference, prediction)[1:]
    if summary is None:
        return None, lacking
    whole = np.zeros(max(reference.frames, summary.shape[1]) if protocol.frames_limit else summary.shape[1], bool)
    whole[: summary.shape[1]] = summary[0]
    return whole, ""


def worst_values(protocol: Protocol, reference: Reference) -> VideoValues:
    """The worst value of every metric in which some answer for this video has a value.

    A metric in which no answer has one is undefined, with the reason; or 0 where the protocol counts undefined values
    so. Scores without ties have a value wherever any answer has one.
    """
    asked = replace(protocol, undefined="left_out")
    scores = np.arange(1.0, reference.frames + 1)[None]
    found = measure(asked, submissions_of(asked, reference, scores), annotations_of(asked, reference))
    undefined = found.undefined[0]
    values = {metric.name: None if metric.name in undefined else metric.worst for metric in protocol.metrics}
    return _zeros(protocol, VideoValues(id=reference.id, values=values, undefined=undefined))


def _resolved(protocol: Protocol, reference: Reference, made: VideoValues) -> VideoValues:
    """Worst for each undefined value that another answer would have; see worst_values for the others."""
    if protocol.undefined == "zero":
        return _zeros(protocol, made)
    worst = worst_values(protocol, reference)
    why = {name: reason for name, reason in made.undefined.items() if name not in worst.undefined}
    values = {name: worst.values[name] if name in why else value for name, value in made.values.items()}
    rest = {name: reason for name, reason in made.undefined.items() if name not in why}
    return made.model_copy(update={"values": values, "undefined": rest, "as_worst": why})


def _zeros(protocol: Protocol, made: VideoValues) -> VideoValues:
    if protocol.undefined != "zero":
        return made
    values = {name: 0.0 if value is None else value for name, value in made.values.items()}
    return made.model_copy(update={"values": values, "undefined": {}})


def annotations_of(protocol: Protocol, reference: Reference) -> Annotations:
    """The annotations that the protocol compares with: (A, frames) each, or the reason why the reference has none."""
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


def submissions_of(
    protocol: Protocol, reference: Reference, scores: Floats, selected: Flags | None = None, *, on: str = "grid"
) -> Submissions:
    """B submissions for one video, as the protocol compares them.

    `scores`: (B, T), or (B, N) with `on="video"`. `selected` (B, T): the frames that the submissions chose themselves.
    """
    limit = protocol.frames_limit
    if not protocol.whole_video:
        scores = scores[:, :limit]
        if protocol.selection == "upstream_threshold":
            return Submissions(scores, upstream_threshold(scores, protocol.share))
        own = selected[:, :limit] if selected is not None else None
        return Submissions(scores, own if own is not None else top_share(scores, protocol.share))
    full = reference.full
    if full is None:
        on_grid = protocol.rank_on == "grid" and protocol.rank_input == "scores"
        return Submissions(scores if on_grid else None, None, "the reference has no frames of the whole video")
    everywhere = scores if on == "video" else np.asarray(expand(scores, full.picks, full.frames), np.float64)
    summary = shot_summary(everywhere, full, protocol.share) if full.shots.size else None
    if protocol.rank_input == "summary":
        return Submissions(summary, summary, _NO_SHOTS)
    return Submissions(everywhere if protocol.rank_on == "video" else scores, summary, _NO_SHOTS)


def measure(protocol: Protocol, submissions: Submissions, annotations: Annotations) -> Measured:
    """All metrics of B submissions.

    The annotations are (A, frames), the same for all submissions, or (B, A, frames). B is 1 where the submissions have
    neither scores nor a summary.
    """
    rows = next((len(part) for part in submissions[:2] if part is not None), 1)
    undefined: list[dict[str, str]] = [{} for _ in range(rows)]
    values: dict[str, Floats] = {}
    if submissions.summary is None or annotations.overlap is None:
        reason = annotations.no_overlap if annotations.overlap is None else submissions.lacking
        for metric in (F1, PRECISION, RECALL):
            values[metric.name] = _none(rows, undefined, metric.name, reason)
    else:
        per_annotator = with_empty_rule(overlap(submissions.summary, _batched(annotations.overlap)), protocol.empty)
        chosen = _batched(annotations.overlap).any(axis=(1, 2))  # (1,) or (B,): by no answer where nobody chose a frame
        for metric, column in zip(
            (F1, PRECISION, RECALL), over_annotators(per_annotator, protocol.overlap_over), strict=True
        ):
            values[metric.name] = column if protocol.empty == "zero" else np.where(chosen, column, np.nan)
            column = values[metric.name]
            for row in np.flatnonzero(np.isnan(column)):
                undefined[row][metric.name] = "no annotator chose a frame"
    if submissions.ranked is None or annotations.ranks is None:
        reason = annotations.no_ranks if annotations.ranks is None else submissions.lacking
        for metric in (KENDALL, SPEARMAN):
            values[metric.name] = _none(rows, undefined, metric.name, reason)
    else:
        target = _batched(annotations.ranks)
        if protocol.rank_target == "mean_of_annotators":
            target = target.mean(axis=1, keepdims=True)
        tau, rho = rank_correlations(submissions.ranked, target)
        for metric, correlations in ((KENDALL, tau), (SPEARMAN, rho)):
            column = mean_defined(correlations)
            values[metric.name] = column
            for row in np.flatnonzero(np.isnan(column)):
                undefined[row][metric.name] = _why(submissions.ranked[row], protocol.rank_input)
    if protocol.undefined == "zero":
        values = {name: np.nan_to_num(column, nan=0.0) for name, column in values.items()}
        undefined = [{} for _ in range(rows)]
    return Measured(values, undefined)


def _chooses_nothing(prediction: Prediction) -> bool:
    """Whether an answer consists of a selection alone, and the selection is empty."""
    own = prediction.scores is not None and prediction.score_source != "selection"
    return not own and prediction.selected is not None and not prediction.selected.any()


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


def _group(protocol: Protocol, place: int, reference: Reference, prediction: Prediction) -> tuple[object, ...]:
    """A key: pairs with equal keys have arrays of equal shapes and are measured together."""
    if protocol.whole_video:
        return (place,)
    marks = (reference.scores, reference.selections)
    counts = tuple(None if part is None else part.shape[0] for part in marks)
    return (reference.frames, *counts, prediction.selected is not None, prediction.scores is not None)


def _submission(protocol: Protocol, reference: Reference, prediction: Prediction) -> Submissions:
    selected = None if prediction.selected is None else prediction.selected[None]
    if prediction.scores is not None:
        return submissions_of(protocol, reference, np.asarray(prediction.scores, np.float64)[None], selected)
    assert selected is not None  # _problem() refuses a prediction with neither
    return submissions_of(protocol, reference, selected.astype(np.float64), selected)


def _stacked(parts: list[NDArray[Kind] | None]) -> NDArray[Kind] | None:
    arrays = [part for part in parts if part is not None]
    return np.stack(arrays) if len(arrays) == len(parts) else None


def _joined(parts: list[NDArray[Kind] | None]) -> NDArray[Kind] | None:
    arrays = [part for part in parts if part is not None]
    return np.concatenate(arrays) if len(arrays) == len(parts) else None


def _batched(annotations: NDArray[Kind]) -> NDArray[Kind]:
    return annotations if annotations.ndim == 3 else annotations[None]


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
