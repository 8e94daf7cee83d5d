"""The figures of the study, from what was chosen: keyframe F1 of each condition, paired differences, and the cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.speech_study.curation import CONDITIONS, Row
from demo.measure import keyframe_f1
from evaluation.cases import Floats
from evaluation.uncertainty.bootstrap import intervals, mean_of
from evaluation.uncertainty.runs import Span

GOAL, GOAL_COST = 0.10, 1.03
PAIRS = (("on", "off"), ("on", "exchanged"), ("exchanged", "off"))
KINDS = ("shown", "said", "chatter")

Round = Mapping[str, Mapping[str, Any]]


def figures(rounds: Sequence[Round]) -> dict[str, Any]:
    """All figures. The first of `rounds` has every condition; of the others only the times count."""
    rows = {condition: rounds[0][condition]["rows"] for condition in CONDITIONS}
    f1 = {condition: f1_of(of) for condition, of in rows.items()}
    differences = {f"{one} - {other}": f1[one] - f1[other] for one, other in PAIRS}
    statistics = [mean_of(values, Span(0, 1)) for values in f1.values()]
    statistics += [mean_of(values, Span(-1, 1)) for values in differences.values()]
    found = [[one.value, one.low, one.high] for one in intervals(statistics, seed=0)]
    return {
        "films": len(rows["off"]),
        "f1": dict(zip(f1, found[: len(f1)], strict=True)),
        "differences": dict(zip(differences, found[len(f1) :], strict=True)),
        "better": {name: [int((of > 1e-9).sum()), int((of < -1e-9).sum())] for name, of in differences.items()},
        "chosen": {condition: counts(of) for condition, of in rows.items()},
        "faults": {condition: sorted(row["fault"] for row in of if row["fault"]) for condition, of in rows.items()},
        "tokens": {
            condition: [sum(row.get(name, 0) for row in of) for name in ("tokens_in", "tokens_out")]
            for condition, of in rows.items()
        },
        "cost": {name: [[one["off"][name], one["on"][name]] for one in rounds] for name in ("wall", "cpu")},
        "stages": {condition: rounds[0][condition]["stages"] for condition in ("off", "on")},
    }


def f1_of(rows: Sequence[Row]) -> Floats:
    """The keyframe F1 of each film against all that matters; 0 for a film without a sample."""
    return np.array(
        [0.0 if row["fault"] else keyframe_f1(row["chosen"], [*row["shown"], *row["said"]]) for row in rows], np.float64
    )


def counts(rows: Sequence[Row]) -> dict[str, list[int]]:
    """How many of the offered seconds were chosen, `[chosen, offered]`: that show an event, that tell of one, chatter.

    `other`: how many of the chosen seconds are none of these, and how many were chosen.
    """
    made = [row for row in rows if not row["fault"]]
    found = {
        kind: [sum(len({*row[kind]} & {*row["chosen"]}) for row in made), sum(len(row[kind]) for row in made)]
        for kind in KINDS
    }
    chosen = sum(len(row["chosen"]) for row in made)
    return {**found, "other": [chosen - sum(hits for hits, _ in found.values()), chosen]}
