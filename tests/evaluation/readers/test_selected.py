"""Chosen frames as flags, indices and seconds; what could be two of them is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.readers.records import BadRecord, Object
from evaluation.readers.selected import selected_frames


def chosen(values: list[Any], frames: int = 83, selected_as: str | None = None, fps: float = 1.0) -> list[int]:
    record = Object({"selected": values, "selected_as": selected_as})
    return np.flatnonzero(selected_frames(record, frames, fps)).tolist()


def refused(values: list[Any], frames: int = 83, selected_as: str | None = None) -> str:
    with pytest.raises(BadRecord) as caught:
        chosen(values, frames, selected_as)
    return str(caught.value)


@given(st.integers(1, 200), st.integers(2, 200).filter(lambda n: n > 2), st.data())
def test_flags_of_another_length_are_never_indices(frames: int, length: int, data: st.DataObject) -> None:
    flags = data.draw(st.lists(st.integers(0, 1), min_size=length, max_size=length))
    if length == frames:
        assert chosen(flags, frames) == [i for i, flag in enumerate(flags) if flag]
    else:
        assert refused(flags, frames) == f"wrong_length: selected has {length} flags for {frames} frames"


@pytest.mark.parametrize("length", [82, 85])
def test_flags_that_miss_the_length_by_a_little(length: int) -> None:
    flags = [int(i % 9 == 0) for i in range(length)]
    assert refused(flags).startswith("wrong_length")
    assert refused([bool(flag) for flag in flags]).startswith("wrong_length")
    assert refused(flags, selected_as="flags").startswith("wrong_length")
    assert chosen(flags, selected_as="indices") == [0, 1], "who says so means it"


def test_what_could_be_two_things_is_refused_and_the_key_decides() -> None:
    for values, frames in (([0], 1), ([0, 1], 2), ([1, 0], 2), ([1], 2), ([0, 1], 3)):
        assert "`selected_as`" in refused(values, frames)
    assert chosen([0, 1], 2, "flags") == [1] and chosen([0, 1], 2, "indices") == [0, 1]
    assert chosen([1], 1) == [0] == chosen([1], 1, "flags")
    assert chosen([0, 1]) == chosen([1, 0]) == [0, 1] and chosen([1]) == [1] and chosen([]) == []
    assert chosen([True, False], 2) == [0], "a boolean is a flag"
    assert chosen([1, 9, 9]) == [1, 9]


def test_seconds_choose_the_nearest_frame() -> None:
    assert chosen([0.0, 3.4, 83.0], selected_as="seconds") == [0, 3, 82]
    assert chosen([1, 1.5], selected_as="seconds", fps=2.0) == [2, 3]
    assert refused([84.0], selected_as="seconds").startswith("out_of_range: 84 s lies outside the video of 83 frames")


@pytest.mark.parametrize(
    ("values", "selected_as", "slug"),
    [
        ([3], "frames", "out_of_range"),
        ([3], ["flags"], "out_of_range"),
        ([0.5], "flags", "wrong_type"),
        (["1"], "flags", "wrong_type"),
        ([83], "indices", "out_of_range"),
        ([-1], "indices", "out_of_range"),
        ([True], "indices", "wrong_type"),
        ([-1.0], "seconds", "out_of_range"),
        (["3"], "seconds", "wrong_type"),
    ],
)
def test_bad_values_are_named(values: list[Any], selected_as: Any, slug: str) -> None:
    assert refused(values, selected_as=selected_as).startswith(slug + ": ")
