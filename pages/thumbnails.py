"""Small pictures and short texts for the cards of a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from PIL import Image

from schemas.errors import StageError
from schemas.kit.picture_errors import PICTURE_ERRORS, PICTURE_FORMATS
from schemas.safe_text import plain

THUMB_WIDTH = 128  # stored pixels; a page draws about 100, so that the picture is sharp on dense screens too
_NO_PICTURE: tuple[type[Exception], ...] = (StageError, *PICTURE_ERRORS)


def cut(text: str, limit: int) -> str:
    """Text of unknown origin as one plain line of at most `limit` characters; long texts are not read to their end."""
    return plain(text[: 4 * limit], limit)


def thumbnail(read: Callable[[], bytes], width: int = THUMB_WIDTH) -> str:
    """The JPEG or PNG that `read` returns, as a small JPEG in a data URI of at most `width` pixels.

    Empty when `read` raises OSError or StageError, or when the picture does not decode.
    """
    try:
        with Image.open(io.BytesIO(read()), formats=PICTURE_FORMATS) as picture:
            picture.draft("RGB", (width, width))  # the decoder leaves out detail that the thumbnail would not show
            picture.thumbnail((width, 2 * width), Image.Resampling.BILINEAR)
            out = io.BytesIO()
            picture.convert("RGB").save(out, "JPEG", quality=60, optimize=True)
    except _NO_PICTURE:
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
