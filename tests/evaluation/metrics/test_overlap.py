from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evaluation.metrics.overlap import mean_defined, over_annotators, overlap, with_empty_rule


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows, annotators, frames = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 12))
    shared = draw(st.booleans())
    return (
        draw(hnp.arrays(np.bool_, (rows, frames))),
        draw(hnp.arrays(np.bool_, (1 if shared else rows, annotators, frames))),
    )


@pytest.mark.slow
@given(cases(), st.sampled_from([np.nan, 0.0]))
@settings(max_examples=20, deadline=None)
def test_as_sklearn(case: tuple[np.ndarray, np.ndarray], zero: float) -> None:
    from sklearn.metrics import f1_score, precision_score, recall_score

    selections, annotators = case
    found = overlap(selections, annotators)
    if zero == 0:
        found = with_empty_rule(found, "zero")
    for b, row in enumerate(selections):
        for a, truth in enumerate(annotators[min(b, len(annotators) - 1)]):
            for ours, function in zip(found, (f1_score, precision_score, recall_score), strict=True):
                np.testing.assert_allclose(ours[b, a], function(truth, row, zero_division=zero), atol=1e-12)


def test_empty_sets() -> None:
    nothing, some = np.zeros(4, bool), np.array([True, False, False, False])
    found = overlap(np.stack([nothing, some]), np.stack([nothing, some])[None])
    assert np.isnan(found.f1[0, 0]) and found.f1[0, 1] == 0 and found.f1[1].tolist() == [0, 1]
    assert np.isnan(found.precision[0]).all() and np.isnan(found.recall[:, 0]).all()
    ruled = with_empty_rule(found, "selection_zero")
    assert (ruled.precision[0] == 0).all() and np.isnan(ruled.recall[:, 0]).all() and np.isnan(ruled.f1[0, 0])
    mean = over_annotators(ruled, "mean")
    assert mean.f1.tolist() == [0, 0.5] and mean.recall.tolist() == [0, 1], "who chose nothing is left out of recall"


def test_the_best_annotator_brings_own_precision_and_recall() -> None:
    selection = np.array([[True, True, True, False]])
    annotators = np.array([[[True, False, False, False], [True, True, False, True]]])
    found = over_annotators(overlap(selection, annotators), "max")
    assert found.f1[0] == pytest.approx(2 / 3) and found.precision[0] == pytest.approx(2 / 3)
    assert found.recall[0] == pytest.approx(2 / 3), "not the first annotator's recall of 1"


def test_no_annotators_and_all_undefined() -> None:
    for over in ("mean", "max"):
        assert np.isnan(over_annotators(overlap(np.ones((2, 3), bool), np.zeros((1, 0, 3), bool)), over).f1).all()
        assert np.isnan(over_annotators(overlap(np.zeros((1, 3), bool), np.zeros((1, 2, 3), bool)), over).f1).all()
    assert mean_defined(np.array([np.nan, 1.0, 2.0])) == 1.5


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="flags"):
        overlap(np.zeros((1, 3)), np.zeros((1, 1, 3), bool))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="do not fit"):
        overlap(np.zeros((1, 3), bool), np.zeros((1, 1, 4), bool))


def test_the_best_annotator_is_not_one_who_chose_nothing() -> None:
    annotators = np.array([[[0, 0, 0], [0, 0, 1]]], bool)
    found = over_annotators(overlap(np.array([[1, 0, 0], [0, 0, 1]], bool), annotators), "max")
    assert found.f1.tolist() == [0, 1] and found.recall.tolist() == [0, 1], "no recall is undefined"
