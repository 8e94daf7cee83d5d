"""How bad the scores of a sample are among others: the rank of the score in which it is worst.

The scores are those of the audit and, with several annotators, their agreement. A rank makes scores of different scales
comparable. The samples that people judge and `v2xum list` use it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from schemas.audit import GOOD, Audit
from schemas.records import Extract
from schemas.saliency import self_agreement

RANKED: Mapping[str, Literal["high", "low"]] = {**GOOD, "self_agreement": "high"}
"""The scores that have ranks, and whether high or low values are good."""
OF_STAGES = ("audit", "extract")
"""The stages whose records have these scores."""


class Rank(NamedTuple):
    """The share of all samples (0..1) that are at least as bad in the score `name`, in which the sample is worst.

    The sample itself is one of them. A score that all samples share says nothing: its rank is 1.
    """

    share: float
    name: str
    value: float


def ranks(scores: Mapping[str, Mapping[str, float]]) -> dict[str, Rank]:
    """The rank of every sample with a score of `RANKED`, by id; `scores` are those of all samples."""
    columns: dict[str, list[float]] = {}
    for found in scores.values():
        for name, badness in _badness(found):
            columns.setdefault(name, []).append(-badness)
    for column in columns.values():
        column.sort()
    made = {}
    for sample, found in scores.items():
        of_scores = [
            Rank(bisect_right(columns[name], -badness) / len(columns[name]), name, found[name])
            for name, badness in _badness(found)
        ]
        if of_scores:
            made[sample] = min(of_scores)
    return made


def scores_of(stage: str, payload: str) -> dict[str, float]:
    """The scores of `RANKED` in the record of a stage of `OF_STAGES`, given as its canonical text."""
    if stage == "audit":
        return Audit.model_validate_json(payload).scores()
    if '"choices"' not in payload:  # one annotator: most workspaces, and thousands of records
        return {}
    agreement = self_agreement(Extract.model_validate_json(payload).choices)
    return {} if agreement is None else {"self_agreement": agreement}


def _badness(scores: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """The names of the scores, and how bad they are: larger is worse."""
    for name, value in scores.items():
        if name in RANKED:
            yield name, value if RANKED[name] == "low" else -value
