"""Every reference gets one prediction, and every fault becomes a problem with the video's id."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.cases import Prediction, Reference
from evaluation.matching import match, same
from schemas.errors import ConfigError

A, B, C = (Reference(id_, 4) for id_ in "abc")


def scored(id_: str, *values: float) -> Prediction:
    return Prediction(id_, scores=np.array(values), score_source="scores")


def test_what_is_right_goes_through_untouched() -> None:
    one, two = scored("a", 1, 2, 3, 4), Prediction("b", selected=np.ones(4, bool), text="A kite.")
    matched = match([A, B], [two, one])
    assert matched.pairs == ((A, one), (B, two))
    assert matched.problems == ()


@pytest.mark.parametrize(
    ("prediction", "reason"),
    [
        (scored("a", 1, 2, 3), "wrong_length"),
        (Prediction("a", selected=np.ones(5, bool)), "wrong_length"),
        (Prediction("a", scores=np.ones((4, 1)), score_source="scores"), "wrong_length"),
        (scored("a", 1, np.nan, 3, 4), "not_finite"),
        (scored("a", 1, np.inf, 3, 4), "not_finite"),
        (Prediction("a"), "empty"),
        (Prediction("a", failure="unparsable: 'x'"), "unparsable"),
        (Prediction("a", failure="server_gone"), "server_gone"),
        (None, "missing_video"),
    ],
)
def test_failures_count_as_worst(prediction: Prediction | None, reason: str) -> None:
    matched = match([A, B], [scored("b", 1, 2, 3, 4), *([prediction] if prediction else [])])
    assert [(p.id, p.reason, p.counted) for p in matched.problems] == [("a", reason, "worst")]
    failed = matched.pairs[0][1]
    assert failed.failure is not None and failed.scores is None
    assert matched.pairs[1][1].failure is None


def test_unknown_videos_are_left_out_and_named() -> None:
    matched = match([A], [scored("a", 1, 2, 3, 4), scored("x\ud800\n", 1)])
    assert [(p.id, p.reason, p.counted) for p in matched.problems] == [
        ("x\\ud800\\x0a", "unknown_video", "left_out"),
    ]
    assert len(matched.pairs) == 1


def test_two_predictions_for_one_video() -> None:
    first, copy, other = scored("a", 1, 2, 3, 4), scored("a", 1, 2, 3, 4), scored("a", 4, 3, 2, 1)
    matched = match([A], [first, copy])
    assert matched.pairs[0][1] is first
    assert [(p.reason, p.counted) for p in matched.problems] == [("duplicate_id", "left_out")]
    matched = match([A], [first, other, first])
    assert matched.pairs[0][1].failure is not None
    assert [(p.reason, p.counted) for p in matched.problems] == [("duplicate_id", "worst")]
    assert not same(first, Prediction("a")) and not same(first, other)


def test_an_empty_text_is_said() -> None:
    matched = match([A], [Prediction("a", selected=np.ones(4, bool), text=" ...")])
    assert [(p.reason, p.counted) for p in matched.problems] == [("empty_text", "worst")]
    assert matched.pairs[0][1].failure is None, "its frames still count"


def test_references_must_be_there_and_differ() -> None:
    with pytest.raises(ConfigError, match="no references"):
        match([], [])
    with pytest.raises(ConfigError, match="two references have the id a"):
        match([A, B, A], [])


@given(st.lists(st.tuples(st.sampled_from("abcxy"), st.integers(0, 5)), max_size=8))
def test_every_reference_has_one_and_nothing_is_lost(drawn: list[tuple[str, int]]) -> None:
    matched = match([A, B, C], [scored(id_, *range(length)) for id_, length in drawn])
    assert [reference.id for reference, _ in matched.pairs] == ["a", "b", "c"]
    assert all(prediction.id == reference.id for reference, prediction in matched.pairs)
    fine = sum(prediction.failure is None for _, prediction in matched.pairs)
    worst = {problem.id for problem in matched.problems if problem.counted == "worst"}
    assert fine + len(worst) == 3
    assert sum(p.reason == "unknown_video" for p in matched.problems) == sum(id_ in "xy" for id_, _ in drawn)
