"""Where rows stand, against a slow count, and the values that the page filters by."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from curation.release.browse.overview import NOT_STATED, OTHER, SCORES, Overview

NAMES = list(SCORES)
scores = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, st.none() | st.integers(0, 5).map(lambda n: n / 5)))


def slow(all_scores: list[dict[str, float | None]], row: int) -> tuple[float, set[str]]:
    """The smallest share of rows that are at least as bad, over the scores of a row, and the scores that have it."""
    shares = {}
    for name, good in SCORES.items():
        own = all_scores[row].get(name)
        if own is not None:
            others = [found for each in all_scores if (found := each.get(name)) is not None]
            shares[name] = sum(o <= own if good == "high" else o >= own for o in others) / len(others)
    least = min(shares.values(), default=math.nan)
    return least, {name for name, share in shares.items() if math.isclose(share, least)}


@given(st.lists(scores, max_size=12))
def test_a_row_stands_where_its_worst_score_puts_it(measured: list[dict[str, float | None]]) -> None:
    overview = Overview([{"scores": each} for each in measured])
    for row in range(len(measured)):
        share, names = slow(measured, row)
        if not names:
            assert math.isnan(overview.standing.share[row]) and overview.standing.by[row] == -1
        else:
            assert math.isclose(overview.standing.share[row], share)
            assert NAMES[overview.standing.by[row]] in names


def test_values_are_counted_and_missing_ones_have_a_name() -> None:
    rows: list[dict[str, Any]] = [
        {"split": "train", "licence": "CC BY", "publication": {"language": "de"}, "review": {"status": "fixed"}},
        {"split": "train", "licence": None, "publication": None, "review": {"status": "fixed"}},
        {"split": "test", "licence": " CC  BY ", "publication": {"language": 7}, "review": "no structure"},
    ]
    overview = Overview(rows)
    assert overview.values["licence"] == {"CC BY": 2, NOT_STATED: 1}
    assert overview.values["language"] == {NOT_STATED: 2, "de": 1}
    assert overview.values["review"] == {"fixed": 2, NOT_STATED: 1}
    assert [overview.codes(row)["split"] for row in rows] == [0, 0, 1]


def test_of_more_values_than_a_list_can_show_the_rest_are_one() -> None:
    rows = [{"licence": f"licence {number % 300}"} for number in range(700)]
    overview = Overview(rows)
    known = list(overview.values["licence"])
    assert len(known) == 201 and known[-1] == OTHER
    assert sum(overview.values["licence"].values()) == 700
    told = [known[overview.codes(row)["licence"]] for row in rows]
    assert {value for value in told if value != OTHER} == set(known) - {OTHER}
    assert told.count(OTHER) == overview.values["licence"][OTHER]
