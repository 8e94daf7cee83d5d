"""Decodes JPEG or PNG bytes of unknown origin; bytes that do not decode raise an error of their video.

And gives pictures of odd shapes one that models look at.
"""

from __future__ import annotations

import io

from PIL import Image

from schemas.errors import PermanentError
from schemas.kit.picture_errors import PICTURE_ERRORS, PICTURE_FORMATS

_LEAST_SIDE, _MOST_ASPECT = 16, 4


def decode_picture(image: bytes | None) -> Image.Image:
    """Decode JPEG or PNG bytes as an RGB picture. Raises PermanentError `unreadable_picture`."""
    try:
        with Image.open(io.BytesIO(image or b""), formats=PICTURE_FORMATS) as picture:
            return picture.convert("RGB")
    except PICTURE_ERRORS as error:
        raise PermanentError("unreadable_picture", f"{len(image or b'')} bytes: {error}") from error


def presentable(picture: Image.Image) -> Image.Image:
    """Crop and enlarge a picture to a shape that image processors handle: sides of 16 pixels or more, 4 to 1 at most.

    Processors take an array of 1 or 3 rows for colour channels. A strip of 1 x 60,000 pixels would grow to gigabytes
    when its short side is resized. The crop loses little: models look at the centre square only.
    """
    width, height = picture.size
    wide, high = min(width, _MOST_ASPECT * height), min(height, _MOST_ASPECT * width)
    if (wide, high) != (width, height):
        left, top = (width - wide) // 2, (height - high) // 2
        picture = picture.crop((left, top, left + wide, top + high))
    if min(picture.size) < _LEAST_SIDE:
        picture = picture.resize((max(wide, _LEAST_SIDE), max(high, _LEAST_SIDE)))
    return picture
