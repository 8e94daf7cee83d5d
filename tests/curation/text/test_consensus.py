"""The consensus of several annotators: its size, its bounds, and ties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text.consensus import consensus, least_usable
from schemas.records import Choice
from schemas.saliency import usable
from schemas.time import round_half_up

CHOSEN = st.sets(st.integers(0, 15), min_size=1, max_size=6).map(lambda one: Choice(keyframes=tuple(sorted(one))))
CHOICES = st.lists(st.one_of(CHOSEN, st.just(Choice(fault="extract_failed"))), min_size=1, max_size=9).filter(usable)


@given(CHOICES)
def test_it_has_the_mean_size_and_the_most_chosen_frames(choices: list[Choice]) -> None:
    found, given_ = consensus(choices), usable(choices)
    sizes = [len(choice.keyframes) for choice in given_]
    assert len(found) == round_half_up(sum(sizes) / len(sizes)) and min(sizes) <= len(found) <= max(sizes)
    assert list(found) == sorted(set(found))
    counts = {index: sum(index in choice.keyframes for choice in given_) for index in range(16)}
    left = [counts[index] for index in range(16) if index not in found]
    assert max(left) <= min(counts[index] for index in found), "nothing that more chose is left out"
    assert min(counts[index] for index in found) > 0


@given(CHOSEN, st.integers(1, 9))
def test_one_choice_and_unanimous_ones_stay_as_they_are(choice: Choice, annotators: int) -> None:
    assert consensus([choice] * annotators) == choice.keyframes


def test_ties_go_to_the_first_annotator_and_then_to_the_earlier_frame() -> None:
    first, second, third = (Choice(keyframes=chosen) for chosen in ((4, 9), (1, 2), (2, 7)))
    assert consensus([first, second]) == (4, 9)
    assert consensus([second, first]) == (1, 2)
    assert consensus([first, second, third]) == (2, 4)
    assert consensus([Choice(fault="prompt_echo"), second, first]) == (1, 2), "the first of those that count"


def test_more_than_half_of_the_annotators_are_needed() -> None:
    assert [least_usable(count) for count in range(1, 8)] == [1, 2, 2, 3, 3, 4, 4]
    with pytest.raises(ValueError, match="no annotator"):
        consensus([Choice(fault="extract_failed")])
