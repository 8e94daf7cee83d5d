"""Shots and near-duplicates against brute force and against scenes whose cuts are known."""

from itertools import combinations, pairwise

import imagehash
import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.frames.shots import change_points, segment
from curation.frames.similarity import distance, look_at, mean_difference, repeats, small_gray
from tests.curation import barcode

vectors = st.integers(1, 9).flatmap(
    lambda count: st.lists(st.integers(0, 5), min_size=3 * count, max_size=3 * count).map(
        lambda flat: unit(np.array(flat, float).reshape(count, 3) + 0.1)
    )
)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def scatter(rows):
    rows = rows.astype(float)
    return float(((rows - rows.mean(axis=0)) ** 2).sum())


def cost(rows, starts, penalty):
    return sum(scatter(rows[a:b]) + penalty for a, b in pairwise([*starts, len(rows)]))


@settings(max_examples=200, deadline=None)
@given(vectors, st.floats(0.01, 1.0))
def test_the_segmentation_is_the_cheapest_of_all(rows, penalty):
    count = len(rows)
    choices = ([0] + [i + 1 for i in range(count - 1) if mask >> i & 1] for mask in range(1 << (count - 1)))
    best = min(cost(rows, starts, penalty) for starts in choices)
    assert cost(rows, change_points(rows, penalty), penalty) == pytest.approx(best, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 4), st.floats(0.0, 3.0))
def test_the_change_points_of_random_features_are_the_only_optimum(seed, count, width, penalty):
    # Random features have no ties, so that the change points themselves must be those of all segmentations tried.
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    choices = ([0, *places] for size in range(count) for places in combinations(range(1, count), size))
    best = min(choices, key=lambda starts: cost(rows, starts, penalty))
    assert change_points(rows, penalty) == best


def test_true_changes_and_their_number_are_found_in_noise():
    rng = np.random.default_rng(3)
    lengths = [30, 12, 45, 20, 33]
    rows = np.repeat(rng.normal(size=(5, 16)) * 3, lengths, axis=0) + rng.normal(size=(sum(lengths), 16)) * 0.1
    true = [0, *np.cumsum(lengths)[:-1].tolist()]
    assert change_points(rows.astype(np.float32), 10.0) == true
    assert [first for first, _ in segment(unit(rows))] == true
    assert change_points(rows.astype(np.float32), 1e9) == [0], "a high penalty leaves one segment"
    assert change_points(rows.astype(np.float32), 0.0) == list(range(len(rows))), "without penalty every frame is one"


def test_equal_frames_are_one_shot():
    assert segment(unit(np.ones((1, 4)))) == ((0, 0),)
    assert segment(unit(np.ones((6, 4)))) == ((0, 5),)


@given(vectors)
def test_shots_cover_all_frames_once(rows):
    shots = segment(rows)
    assert [i for first, last in shots for i in range(first, last + 1)] == list(range(len(rows)))


def test_no_frames_have_no_shots():
    with pytest.raises(ValueError, match="no frames"):
        segment(np.zeros((0, 4), np.float32))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(2, 12), min_size=1, max_size=8))
def test_hard_cuts_of_known_scenes_are_found_exactly(lengths):
    cuts = [sum(lengths[:n]) for n in range(1, len(lengths))]
    frames = [
        barcode.scene(160, 120, 1000 * second, tuple(1000 * cut for cut in cuts)) for second in range(sum(lengths))
    ]
    shots = segment(np.stack([look_at(Image.fromarray(frame)).histogram for frame in frames]))
    assert [first for first, _ in shots] == [0, *cuts]


@settings(max_examples=50, deadline=None)
@given(st.integers(16, 300), st.integers(16, 300), st.integers(0, 99))
def test_a_look_measures_the_picture(width, height, seed):
    coarse = np.random.default_rng(seed).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    look = look_at(image)
    assert np.dot(look.histogram, look.histogram) == pytest.approx(1, abs=1e-4)
    assert look.gray.shape == (32, 32)
    assert abs(float(look.gray.mean()) - float(np.asarray(image.convert("L")).mean())) < 2
    # Averaging the picture down first changes its coefficients: bits differ only where one is near their median.
    gray = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS))
    low = scipy.fft.dctn(gray.astype(float))[:8, :8]
    from_median = np.abs(low - np.median(low)) / low.ravel()[1:].std()
    differs = imagehash.hex_to_hash(look.phash).hash != imagehash.phash(image).hash
    assert from_median[differs].max(initial=0.0) < 0.2
    assert distance(look.phash, look.phash) == 0
    assert imagehash.hex_to_hash(look.phash) - imagehash.phash(image) == distance(
        look.phash, str(imagehash.phash(image))
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=25), st.data())
def test_repeats_point_to_a_representative_of_their_shot_within_both_limits(kinds, data):
    pictures = [np.clip(np.roll(BASE, 11 * kind, axis=1).astype(int) + light, 0, 255) for kind, light in kinds]
    looks = [look_at(Image.fromarray(picture.astype(np.uint8))) for picture in pictures]
    middle = data.draw(st.integers(0, len(looks) - 1))
    shots = ((0, middle), (middle + 1, len(looks) - 1)) if middle + 1 < len(looks) else ((0, middle),)
    found = repeats(looks, shots, 4, 2.0)
    for index, other in enumerate(found):
        first = next(a for a, b in shots if a <= index <= b)
        close = [
            n
            for n in range(first, index)
            if found[n] is None
            and distance(looks[n].phash, looks[index].phash) <= 4
            and mean_difference(looks[n].gray, looks[index].gray) <= 2.0
        ]
        assert other == (close[-1] if close else None)


BASE = np.asarray(
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (6, 8, 3), dtype=np.uint8)).resize((64, 64))
)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_distance_counts_bits(one, other):
    assert distance(f"{one:016x}", f"{other:016x}") == bin(one ^ other).count("1")


def test_mean_difference_does_not_wrap():
    dark, light = np.zeros((32, 32), np.uint8), np.full((32, 32), 255, np.uint8)
    assert mean_difference(dark, light) == mean_difference(light, dark) == 255
    assert small_gray(Image.new("RGB", (9, 200), (255, 255, 255))).min() == 255
