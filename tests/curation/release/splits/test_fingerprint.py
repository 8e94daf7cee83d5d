"""The hashes of views: ImageHash's `phash` of the crops of a picture and of its mirror image."""

from __future__ import annotations

import imagehash
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from curation.release.splits.fingerprint import CROPS, views_of
from tests.curation.release.splits.videos import film


def by_imagehash(picture: Image.Image) -> list[int]:
    """What ImageHash says, one crop after the other."""
    luma = picture.convert("L")
    luma.thumbnail((160, 160), Image.Resampling.BOX)
    w, h = luma.size
    return [
        int(str(imagehash.phash(side.crop((round(left * w), round(top * h), round(right * w), round(bottom * h))))), 16)
        for side in (luma, ImageOps.mirror(luma))
        for left, top, right, bottom in CROPS
    ]


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 2**32 - 1), st.integers(1, 40))
@example(1, 1, 0, 1)
def test_views_are_hashed_as_imagehash_does(width: int, height: int, seed: int, grain: int) -> None:
    coarse = np.random.default_rng(seed).integers(0, 256, (-(-height // grain), -(-width // grain), 3), np.uint8)
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    assert views_of(picture) == by_imagehash(picture)


def test_views_of_pictures_of_one_colour_and_of_drawn_ones() -> None:
    for picture in (Image.new("RGB", (640, 360), (90, 20, 30)), Image.new("L", (33, 200)), *film(1, 3)):
        assert views_of(picture) == by_imagehash(picture)
