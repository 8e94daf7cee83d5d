"""The figures of the study, from what the annotators chose: tau and F1, calibration, cost."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from annotation.report.rates import share
from curation.plan.intervals import interval
from demo.measure import keyframe_f1
from evaluation.cases import Floats
from evaluation.metrics.ranks import kendall
from evaluation.uncertainty.bootstrap import intervals, mean_of
from evaluation.uncertainty.runs import Span
from schemas.records import Choice
from schemas.saliency import saliency, self_agreement

ERRORS, LEAST_F1 = 0.1, 0.5  # of the simulated people
EDGES = (0.0, 0.7, 0.8, 0.9, 1.0)  # of the groups by self-agreement; the last is 1 alone
FIRST = 0.2  # the share of the samples that people judge
COSTS = ("tokens_in", "computed", "tokens_out")
_DRAWS = 2_000

Row = Mapping[str, Any]


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """All figures of one condition; `rows` are of films.chosen. Films that were rejected are only counted."""
    made = [row for row in rows if row["fault"] is None]
    tau = {name: np.array([of[name] for of in map(taus, made)]) for name in ("first", "each", "consensus", "saliency")}
    f1 = np.array(
        [[keyframe_f1(row[name], row["truth"]) for row in _with_first(made)] for name in ("first", "consensus")]
    )
    pairs = {f"saliency - {name}": tau["saliency"] - tau[name] for name in ("first", "each", "consensus")}
    return {
        "films": len(rows),
        "rejected": len(rows) - len(made),
        "unusable": sum(not choice for row in made for choice in row["choices"]),
        "tau": {name: _mean(values, Span(-1, 1)) for name, values in tau.items()},
        "one_by_one": [
            float(np.nanmean(of)) if np.isfinite(of).any() else None for of in zip(*map(single_taus, made), strict=True)
        ],
        "tau_differences": {name: _mean(values, Span(-2, 2)) for name, values in pairs.items()},
        "higher": {
            "films": len(made),
            "higher": int((tau["saliency"] > tau["first"] + 1e-9).sum()),
            "lower": int((tau["saliency"] < tau["first"] - 1e-9).sum()),
        },
        "f1": {"first": _mean(f1[0], Span(0, 1)), "consensus": _mean(f1[1], Span(0, 1))},
        "f1_difference": _mean(f1[1] - f1[0], Span(-1, 1)),
        "calibration": calibration(
            [agreement(row) for row in made], [rejects(row, random.Random(row["film"])) for row in made]
        ),
        "cost": {name: [sum(row[name][of] for row in rows) for of in (0, 1)] for name in COSTS},
    }


def over_likeliest(rows: Sequence[Row], base: Sequence[Row]) -> list[float]:
    """How far the saliency's tau is above that of the first choice of `base`, which are rows of temperature 0.

    The films are those that neither rejected; the mean with the ends of its 95 % interval.
    """
    pairs = [(row, of) for row, of in zip(rows, base, strict=True) if row["fault"] is None and of["fault"] is None]
    return _mean(np.array([taus(row)["saliency"] - taus(of)["first"] for row, of in pairs]), Span(-2, 2))


def taus(row: Row) -> dict[str, float]:
    """Kendall's tau-b with the truth: of the first choice, of single choices in the mean, of consensus and saliency.

    -1 where it is not defined, as an answer without a value counts in an evaluation.
    """
    single = [tau for tau in single_taus(row) if not np.isnan(tau)]
    return {
        "first": single[0],
        "each": float(np.mean(single)),
        "consensus": _tau(row, _onehot(row["consensus"], row["frames"])),
        "saliency": _tau(row, np.array(saliency(_choices(row), row["frames"]))),
    }


def single_taus(row: Row) -> list[float]:
    """Kendall's tau-b of each annotator's choice with the truth, in their order; NaN for one without a choice."""
    return [_tau(row, _onehot(choice, row["frames"])) if choice else np.nan for choice in row["choices"]]


def _tau(row: Row, scores: Floats) -> float:
    return float(np.nan_to_num(kendall(scores, _onehot(row["truth"], row["frames"])[None])[0], nan=-1.0))


def agreement(row: Row) -> float:
    """The self-agreement of the annotators."""
    found = self_agreement(_choices(row))
    assert found is not None  # more than half of five have a choice
    return found


def rejects(row: Row, rng: random.Random) -> bool:
    """Whether a simulated person rejects the consensus.

    The person decides of every keyframe whether it stays and of every missing one whether to add it, each time wrong
    with the chance ERRORS, and rejects where the F1 of what is shown and what would be right is below LEAST_F1.
    """
    shown, true = set(row["consensus"]), set(row["truth"])
    right = {index for index in sorted(shown) if (index in true) == (rng.random() >= ERRORS)}
    right |= {index for index in sorted(true - shown) if rng.random() >= ERRORS}
    return keyframe_f1(shown, right) < LEAST_F1


def calibration(agreed: Sequence[float], rejected: Sequence[bool]) -> dict[str, Any]:
    """How far self-agreement tells what people reject.

    `groups`: for each range of self-agreement `[low, high, samples, rejected, share, low, high]`. `auc`: the chance
    that a rejected sample has the lower agreement of a pair (0.5: it tells nothing), with its interval; null where
    nothing or all is rejected. `first`: of the samples with the least agreement `[judged, rejected]`.
    """
    values, out = np.array(agreed, np.float64), np.array(rejected, bool)
    groups = []
    for low, high in zip(EDGES, (*EDGES[1:], np.inf), strict=True):
        inside = (values >= low) & (values < high)
        hits, of = int((out & inside).sum()), int(inside.sum())
        said = share(hits, of)
        groups.append([low, min(high, 1.0), of, hits, said.value, said.low, said.high])
    order = np.argsort(values, kind="stable")[: max(1, round(FIRST * len(values)))]
    found = auc(values, out)
    rng = np.random.default_rng(0)
    drawn = [auc(values[at], out[at]) for at in rng.integers(0, len(values), (_DRAWS, len(values)))]
    ends = None if found is None else interval(found, np.array([one for one in drawn if one is not None]), len(values))
    return {
        "groups": groups,
        "rejected": [int(out.sum()), len(out)],
        "auc": None if ends is None else [found, max(0.0, ends.low), min(1.0, ends.high)],
        "first": [len(order), int(out[order].sum())],
    }


def auc(agreed: Floats, rejected: np.ndarray[Any, np.dtype[np.bool_]]) -> float | None:
    """The area under the ROC curve of low agreement for rejected samples, ties as half; None without both kinds."""
    low, high = agreed[rejected], agreed[~rejected]
    if not len(low) or not len(high):
        return None
    gaps = high[:, None] - low[None]
    return float(((gaps > 0) + 0.5 * (gaps == 0)).mean())


def _with_first(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{**row, "first": next(choice for choice in row["choices"] if choice)} for row in rows]


def _choices(row: Row) -> list[Choice]:
    return [Choice(keyframes=tuple(one)) if one else Choice(fault="extract_failed") for one in row["choices"]]


def _onehot(chosen: Sequence[int], frames: int) -> Floats:
    made = np.zeros(frames)
    made[list(chosen)] = 1
    return made


def _mean(values: Floats, span: Span) -> list[float]:
    (found,) = intervals([mean_of(values, span)], seed=0)
    return [found.value, found.low, found.high]
