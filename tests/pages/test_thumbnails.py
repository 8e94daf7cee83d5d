"""Thumbnails are small JPEGs in data URIs, and empty for pictures that cannot be had or read."""

from __future__ import annotations

import base64
import io
import random

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pages.templates import picture
from pages.thumbnails import THUMB_WIDTH, cut, thumbnail
from schemas.errors import TransientError
from schemas.safe_text import plain_line


def png(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 90)).save(stream, "PNG")
    return stream.getvalue()


def test_a_thumbnail_fits_its_width_and_a_template_may_print_it() -> None:
    uri = thumbnail(lambda: png(640, 360))
    assert picture(uri) == uri
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as small:
        assert small.format == "JPEG" and small.size == (THUMB_WIDTH, 72)


def test_a_picture_that_its_reader_cannot_give_is_empty() -> None:
    def missing() -> bytes:
        raise FileNotFoundError("no such picture")

    def failed() -> bytes:
        raise TransientError("store", "the picture is not there")

    assert thumbnail(missing) == thumbnail(failed) == thumbnail(lambda: b"no picture") == ""


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_a_broken_picture_is_read_or_empty(seed: int, faults: int) -> None:
    rng, data = random.Random(seed), bytearray(png(64, 48))
    for _ in range(faults):
        data[rng.randrange(len(data))] = rng.randrange(256)
    uri = thumbnail(lambda: bytes(data))
    assert uri == "" or picture(uri) == uri


@given(st.text(max_size=200), st.integers(1, 60))
def test_a_cut_text_is_one_plain_line(text: str, limit: int) -> None:
    line = cut(text, limit)
    assert len(line) <= limit and plain_line(line) == line
