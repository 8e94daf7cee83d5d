"""Similarity of frames: looks, distances, and repeats within a shot."""

import imagehash
import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.frames.similarity import distance, look_at, mean_difference, repeats, small_gray


@settings(max_examples=50, deadline=None)
@given(st.integers(16, 300), st.integers(16, 300), st.integers(0, 99))
def test_a_look_measures_the_picture(width, height, seed):
    coarse = np.random.default_rng(seed).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    look = look_at(image)
    assert np.dot(look.histogram, look.histogram) == pytest.approx(1, abs=1e-4)
    assert look.gray.shape == (32, 32)
    assert abs(float(look.gray.mean()) - float(np.asarray(image.convert("L")).mean())) < 2
    # Reducing the picture first changes the coefficients: bits differ only where a coefficient is near the median.
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
