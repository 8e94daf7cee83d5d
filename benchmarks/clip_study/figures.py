"""The figures of the study, from what was said and chosen: events found, keyframe F1, paired differences, and cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.clip_study.curation import SIZES, Row
from demo.measure import keyframe_f1
from demo.world import KINDS
from evaluation.cases import Floats
from evaluation.uncertainty.bootstrap import intervals, mean_of
from evaluation.uncertainty.runs import Span

COSTS = ("pictures", "tokens_in", "tokens_out")
COUNTS = ("exact", "named", "invented")
BASE = next(iter(SIZES))


def events_found(row: Row) -> float:
    """The share of a film's events whose kind and object a caption names at the right second."""
    return float(np.mean([found for _, found in row["events"]]))


def f1(row: Row) -> float:
    """F1 of the chosen seconds against all seconds in which an event is under way; 0 for a film without a sample."""
    return 0.0 if row["fault"] else keyframe_f1(row["chosen"], row["truth"])


MEASURES: dict[str, Callable[[Row], float]] = {"events": events_found, "f1": f1}


def figures(made: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """All figures, by condition; `made[condition]` is what curation.curate returned, the films in one order."""
    rows = {condition: made[condition]["rows"] for condition in SIZES}
    found: dict[str, Any] = {"films": len(rows[BASE])}
    for name, measure in MEASURES.items():
        values = {condition: np.array([measure(row) for row in of], np.float64) for condition, of in rows.items()}
        others = [condition for condition in SIZES if condition != BASE]
        found[name] = dict(zip(values, _ends(list(values.values()), Span(0, 1)), strict=True))
        gaps = [values[condition] - values[BASE] for condition in others]
        found[f"{name}_differences"] = dict(zip(others, _ends(gaps, Span(-1, 1)), strict=True))
    found["kinds"] = {condition: kinds(of) for condition, of in rows.items()}
    found["counts"] = {condition: counts(of) for condition, of in rows.items()}
    found["faults"] = {condition: sorted(row["fault"] for row in of if row["fault"]) for condition, of in rows.items()}
    found["cost"] = {
        condition: {name: sum(row.get(name, 0) for row in of) for name in COSTS}
        | {"caption_seconds": made[condition]["caption_seconds"]}
        for condition, of in rows.items()
    }
    return found


def kinds(rows: Sequence[Row]) -> dict[str, list[int]]:
    """By kind of event: how many were found, and how many there are."""
    every = [one for row in rows for one in row["events"]]
    return {kind: [sum(hit for name, hit in every if name == kind), _count(every, kind)] for kind in KINDS}


def counts(rows: Sequence[Row]) -> dict[str, list[int]]:
    """Captions that are exact, seconds of events that are named, quiet seconds that are not: each `[count, of]`."""
    some = [row for row in rows if not row["fault"]]
    wholes = {
        "exact": sum(row["captions"] for row in some),
        "named": sum(len(row["truth"]) for row in rows),
        "invented": sum(row["quiet"] for row in some),
    }
    return {name: [sum(row[name] for row in some), wholes[name]] for name in COUNTS}


def _count(every: Sequence[Sequence[Any]], kind: str) -> int:
    return sum(name == kind for name, _ in every)


def _ends(values: Sequence[Floats], span: Span) -> list[list[float]]:
    found = intervals([mean_of(one, span) for one in values], seed=0)
    return [[one.value, one.low, one.high] for one in found]
