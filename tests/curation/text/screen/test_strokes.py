"""Text that comes, goes or changes is seen; compression and light are not."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.text.screen.strokes import Strokes, may_differ, strokes
from tests.curation.text.screen.drawn import card, jpeg, scene, written

WORDS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=4, max_size=14)

SUBTITLES = ("Now add the flour", "Now add the water", "and stir", "and wait.", "12 minutes", "15 minutes", "Bread!")


def seen(picture: Image.Image, quality: int = 90) -> Strokes:
    with Image.open(io.BytesIO(jpeg(picture, quality))) as stored:
        return strokes(stored)


@settings(max_examples=30)
@given(WORDS, st.integers(0, 300), st.integers(0, 230), st.sampled_from([14, 20, 32]), st.integers(0, 5))
def test_text_that_comes_or_goes_is_seen(text: str, x: int, y: int, size: int, seed: int) -> None:
    plain = scene(seed)
    with_text, _ = written(plain, [(text, x, y)], size)
    assert may_differ(seen(plain), seen(with_text)) and may_differ(seen(with_text), seen(plain))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("before", "after"), [*itertools.pairwise(SUBTITLES)])
def test_another_subtitle_at_the_same_place_is_seen(before: str, after: str, seed: int) -> None:
    first, second = (seen(written(scene(seed), [(text, 120, 230)], 22)[0]) for text in (before, after))
    assert may_differ(first, second) and may_differ(second, first)


@settings(max_examples=20)
@given(WORDS, st.integers(0, 5), st.integers(60, 95), st.integers(-8, 8))
def test_compression_and_light_are_no_change(text: str, seed: int, quality: int, light: int) -> None:
    picture, _ = written(scene(seed), [(text, 100, 120)], 24)
    lit = Image.fromarray(np.clip(np.asarray(picture, np.int16) + light, 0, 255).astype(np.uint8))
    assert not may_differ(seen(picture), seen(lit, quality))


@pytest.mark.parametrize("size", [(16, 16), (1, 400), (400, 1), (3000, 20)])
def test_strange_sizes(size: tuple[int, int]) -> None:
    found = strokes(Image.new("RGB", size))
    assert found.shape[1] == 320 and 16 <= found.shape[0] <= 1280 and not may_differ(found, found)
    assert may_differ(found, seen(card(["another size"])[0])) or found.shape == (180, 320)
