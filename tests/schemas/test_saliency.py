"""Saliency and self-agreement of several annotators, against the one-hot vectors that they are means of."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Choice
from schemas.saliency import saliency, self_agreement, usable

FRAMES = 12
CHOSEN = st.sets(st.integers(0, FRAMES - 1), min_size=1).map(lambda chosen: Choice(keyframes=tuple(sorted(chosen))))
CHOICES = st.lists(st.one_of(CHOSEN, st.just(Choice(fault="extract_failed"))), min_size=1, max_size=7)


def onehot(choices: list[Choice]) -> np.ndarray:
    return np.array([[index in choice.keyframes for index in range(FRAMES)] for choice in usable(choices)], float)


@given(CHOICES.filter(usable))
def test_saliency_is_the_mean_of_the_one_hot_vectors(choices: list[Choice]) -> None:
    found = saliency(choices, FRAMES)
    assert found == pytest.approx(onehot(choices).mean(axis=0).tolist())
    assert all(0 <= share <= 1 for share in found) and max(found) > 0


@given(CHOICES)
def test_self_agreement_is_the_mean_f1_of_all_pairs(choices: list[Choice]) -> None:
    rows = onehot(choices)
    pairs = [2 * (a * b).sum() / (a.sum() + b.sum()) for a, b in combinations(rows, 2)]
    assert self_agreement(choices) == (pytest.approx(float(np.mean(pairs)), abs=1e-4) if pairs else None)


def test_annotators_that_agree_and_that_have_nothing_in_common() -> None:
    one, other, none = Choice(keyframes=(1, 5)), Choice(keyframes=(2,)), Choice(fault="prompt_echo")
    assert self_agreement([one] * 5) == 1.0 and saliency([one] * 5, 6) == [0, 1, 0, 0, 0, 1]
    assert self_agreement([one, other]) == 0.0 and saliency([one, none, other], 6) == [0, 0.5, 0.5, 0, 0, 0.5]
    assert self_agreement([one, none]) is None and self_agreement([]) is None
    with pytest.raises(ValueError, match="no annotator"):
        saliency([none], 6)
