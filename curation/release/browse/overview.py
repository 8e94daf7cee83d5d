"""What the browse page must know of all rows before it shows one: where each stands among the others, and all values.

Read from a few columns of `full`; memory holds a dozen numbers a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.release.browse.texts import number, shown
from schemas.audit import GOOD

# The scores of the page and whether high or low values are good: those of the audit, and that of the binding audit.
SCORES: Mapping[str, str] = {**GOOD, "binding_match": "high"}
VALUED = ("split", "licence", "language", "review")  # columns by which the page filters
COLUMNS = ("split", "licence", "publication.language", "review.status", "scores")
NOT_STATED, OTHER = "(not stated)", "(other)"
_MOST_VALUES, _LONGEST_VALUE = 200, 80


class Standing(NamedTuple):
    """Where rows stand, row by row.

    `share`: the share of rows (0..1) that are at least as bad in the score in which the row is worst, NaN without
    scores; `by`: the place of that score in `SCORES`.
    """

    share: NDArray[np.float64]
    by: NDArray[np.int8]


class Overview:
    """All rows at a glance. `scores` has a row for each score of `SCORES`, NaN where it was not measured."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Read the rows once; each has `COLUMNS`."""
        counts: dict[str, Counter[str]] = {name: Counter() for name in VALUED}
        measured: list[list[float]] = []
        for row in rows:
            for name, value in values(row).items():
                counts[name][value] += 1
            found = part(row, "scores")
            measured.append([_or_nan(number(found.get(name))) for name in SCORES])
        self.scores = np.array(measured, np.float64).reshape(-1, len(SCORES)).T
        self.rows = len(measured)
        self.values = {name: _frequent(counted) for name, counted in counts.items()}
        self.standing = _standing(self.scores)

    def codes(self, row: Mapping[str, Any]) -> dict[str, int]:
        """The places of a row's values in `values`."""
        found = {}
        for name, value in values(row).items():
            known = self.values[name]
            found[name] = list(known).index(value if value in known else OTHER)
        return found


def values(row: Mapping[str, Any]) -> dict[str, str]:
    """The values of a row by which the page filters, as short texts."""
    told = {
        "split": row.get("split"),
        "licence": row.get("licence"),
        "language": part(row, "publication").get("language"),
        "review": part(row, "review").get("status"),
    }
    return {name: shown(value, _LONGEST_VALUE) or NOT_STATED for name, value in told.items()}


def part(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A column that is a structure; empty where it is missing or something else."""
    found = row.get(name)
    return found if isinstance(found, dict) else {}


def parts(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A column that is a list of structures; empty where it is missing or something else."""
    found = row.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _frequent(counted: Counter[str]) -> dict[str, int]:
    """The values with their counts, the most frequent first; of more than a list can show, the rest are one."""
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    kept, rest = dict(ordered[:_MOST_VALUES]), ordered[_MOST_VALUES:]
    if rest:
        kept[OTHER] = kept.get(OTHER, 0) + sum(count for _, count in rest)
    return kept


def _standing(scores: NDArray[np.float64]) -> Standing:
    count = scores.shape[1]
    share, by = np.full(count, np.nan), np.full(count, -1, np.int8)
    for place, good in enumerate(SCORES.values()):
        bad = -scores[place] if good == "low" else scores[place]  # small values are bad
        there = np.flatnonzero(~np.isnan(bad))
        if there.size == 0:
            continue
        found = bad[there]
        as_bad = np.searchsorted(np.sort(found), found, side="right") / there.size
        worse = np.isnan(share[there]) | (as_bad < share[there])
        share[there[worse]], by[there[worse]] = as_bad[worse], place
    return Standing(share, by)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
