"""Alignment in time by hashes alone: planted shifts are found, other videos are not, and frames are counted."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curation.release.reconstruct.likeness import Aligned, Listed, align, compare

RATES = st.sampled_from([1, 4])


def hashes(seed: int, count: int) -> list[int]:
    """Hashes of a video that changes all the time."""
    return [int(each) for each in np.random.default_rng(seed).integers(0, 2**63, count)]


def text(number: int) -> str:
    return f"{number:016x}"


def noisy(numbers: list[int], seed: int, flips: int) -> list[str]:
    random = np.random.default_rng(seed)
    made = []
    for number in numbers:
        for bit in random.choice(63, flips, replace=False):
            number ^= 1 << int(bit)
        made.append(text(number))
    return made


def listed(numbers: list[int]) -> list[Listed]:
    return [Listed(index, f"sha{index}", text(number)) for index, number in enumerate(numbers)]


@given(st.integers(0, 99), st.integers(12, 60), st.integers(-5, 9), st.integers(0, 6), RATES)
def test_a_planted_shift_is_found(seed: int, count: int, shift: int, flips: int, stride: int) -> None:
    whole = hashes(seed, count * stride)
    found = [*hashes(seed + 1000, shift), *whole] if shift >= 0 else whole[-shift:]
    aligned = align(listed(whole[::stride]), noisy(found, seed, flips), stride)
    assert aligned is not None and aligned.is_same
    assert aligned.offset == shift and abs(aligned.mean_bits - flips) < 0.01


@given(st.integers(0, 99), st.integers(12, 60), st.integers(12, 60))
def test_another_video_is_not_the_same(seed: int, count: int, other: int) -> None:
    aligned = align(listed(hashes(seed, count)), noisy(hashes(seed + 1000, other), 0, 0))
    assert aligned is None or not aligned.is_same


def test_still_videos_are_the_same_by_their_pictures_alone() -> None:
    still = [2**40 + 12345] * 20
    same, other = align(listed(still), noisy(still, 1, 0)), align(listed(still), [text(2**50 - 2**20)] * 20)
    assert same is not None and same.motion is None and same.is_same and same.offset == 0
    assert other is not None and not other.is_same


def test_nothing_is_aligned_with_nothing() -> None:
    assert align([], [text(1)]) is None and align(listed([1]), []) is None
    assert align([Listed(0, "a", None)], [text(1)]) is None


def test_some_known_frames_are_enough() -> None:
    whole = hashes(5, 40)
    few = [Listed(index, "", text(whole[index])) for index in range(0, 40, 6)]
    aligned = align(few, noisy(whole[3:], 1, 4))
    assert aligned is not None and aligned.is_same and aligned.offset == -3


def test_frames_are_counted_by_what_they_are() -> None:
    frames = [Listed(0, "same", text(0)), Listed(1, "b", text(7)), Listed(2, "c", text(0)), Listed(3, "d", None)]
    made = [("same", text(9)), ("x", text(0)), ("y", text(2**40 - 1)), ("z", text(0))]
    found = compare([*frames, Listed(9, "e", text(0))], made, None, {})
    assert (found.listed, found.equal, found.alike, found.unlike, found.missing) == (5, 1, 1, 1, 2)
    assert (found.mean_bits, found.worst_bits) == ((3 + 40) / 2, 40)
    pictures = compare(frames[1:3], made, Aligned(0, 1, 0, 1, 4), {1: False, 2: True})
    assert (pictures.alike, pictures.unlike) == (1, 1)
