"""The figures of the proof: each condition's, and the paired differences with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.proof_study.faults import KINDS
from evaluation.cases import Floats
from evaluation.uncertainty.bootstrap import intervals, mean_of
from evaluation.uncertainty.runs import Span
from schemas.documents.evaluation import Evaluation, SystemValues

METRICS = ("f1", "f1_15", "kendall_tau", "spearman_rho")
CLAIMED = "f1"
SHARE, BUDGET = 0.15, "_15"  # of the frames: the usual budget of a summary of TVSum and SumMe
_SPANS = {"f1": Span(-1, 1), "f1_15": Span(-1, 1), "kendall_tau": Span(-2, 2), "spearman_rho": Span(-2, 2)}


def figures(
    evaluation: Evaluation,
    made: Sequence[Mapping[str, Any]],
    trained: Sequence[Mapping[str, Mapping[str, Any]]],
) -> dict[str, Any]:
    """The figures of one kind of faults; `made` and `trained` have an entry for each seed (conditions.py, run.py).

    `f1_15` is the F1 of a system with the suffix BUDGET. `differences`: by name of the two conditions and metric
    `[difference, low, high]`.
    """
    rows = {row.name: row for row in evaluation.systems}
    names = list(trained[0])
    pairs = [(name, "raw") for name in names if name != "raw"]
    pairs += [(name, "audited") for name in names if name.startswith("verified")]
    differences = {f"{name} - {other}": _differences(rows, other, name) for name, other in pairs}
    claimed = f"{next(name for name in names if name.startswith('verified'))} - raw"
    return {
        "claim": {"of": claimed, "metric": CLAIMED, "holds": differences[claimed][CLAIMED][1] > 0},
        "held_out": evaluation.counts["videos"],
        "conditions": {
            name: {
                **_values(rows, name),
                "chosen": float(np.mean([seed[name]["chosen"] for seed in trained])),
                "labels": float(np.mean([seed[name]["labels"] for seed in trained])),
                **{key: [seed[name][key] for seed in trained] for key in ("rows", "videos", "steps")},
            }
            for name in names
        },
        "random_scores": _values(rows, "random"),
        "differences": differences,
        "faults": {kind: _caught(made, kind) for kind in ("none", *KINDS)},
        "decisions": {name: _summed([seed["decisions"][name] for seed in made]) for name in made[0]["decisions"]},
        "seconds": round(sum(one["seconds"] for seed in trained for one in seed.values()), 1),
        "protocol": evaluation.provenance.protocol,
    }


def paired_difference(first: Floats, second: Floats, span: Span) -> list[float]:
    """The mean of `second` - `first`, each (seeds, films), with the ends of its 95 % interval.

    Both are of the same seeds and films. The bootstrap draws films, the same for all seeds; what the seeds add is
    Student's t on the differences by seed (evaluation/uncertainty/runs.py).
    """
    (found,) = intervals([mean_of(second - first, span)], seed=0)
    return [found.value, found.low, found.high]


def _differences(rows: Mapping[str, SystemValues], first: str, second: str) -> dict[str, list[float]]:
    return {
        metric: paired_difference(_table(*_placed(rows, first, metric)), _table(*_placed(rows, second, metric)), span)
        for metric, span in _SPANS.items()
    }


def _placed(rows: Mapping[str, SystemValues], name: str, metric: str) -> tuple[SystemValues, str]:
    """The row of the evaluation that has a condition's metric, and the metric's name there."""
    return (rows[name + BUDGET], "f1") if metric == "f1_15" else (rows[name], metric)


def _table(row: SystemValues, metric: str) -> Floats:
    """(seeds, films): the films of every run in one order; NaN where a film has no value."""
    runs = [{video.id: video.values[metric] for video in run} for run in (row.videos, *row.more_runs)]
    return np.array([[run[name] for name in sorted(runs[0])] for run in runs], np.float64)


def _values(rows: Mapping[str, SystemValues], name: str) -> dict[str, list[float | None]]:
    found = {}
    for metric in METRICS:
        if metric != "f1_15" or name + BUDGET in rows:
            row, own = _placed(rows, name, metric)
            found[metric] = next([m.value, m.low, m.high] for m in row.metrics if m.name == own)
    return found


def _caught(made: Sequence[Mapping[str, Any]], kind: str) -> list[int]:
    """How many films have this fault and no other (`none`: no fault), and how many of them the audit keeps back."""
    wanted = [] if kind == "none" else [kind]
    films = [(seed, name) for seed in made for name, kinds in seed["planted"].items() if kinds == wanted]
    return [len(films), sum(name in seed["kept_back"] for seed, name in films)]


def _summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {decision: sum(each.get(decision, 0) for each in counts) for decision in ("accept", "fix", "reject")}
