"""Small pictures for pages, as data URLs."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from PIL import Image

from schemas.safe_text import plain_line

THUMB_WIDTH = 128  # stored pixels; drawn at about 100, so that it is not blurred where pixels are denser
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


def cut(text: str, limit: int) -> str:
    """Hostile text as one line of at most `limit` characters."""
    line = plain_line(text[: 4 * limit])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def thumbnail(read: Callable[[], bytes], width: int = THUMB_WIDTH) -> str:
    """A picture as a small JPEG data URI; empty when it is not there or cannot be read."""
    try:
        with Image.open(io.BytesIO(read()), formats=("JPEG", "PNG")) as picture:
            picture.draft("RGB", (width, width))  # the decoder leaves out what is too fine to be seen
            picture.thumbnail((width, 2 * width), Image.Resampling.BILINEAR)
            out = io.BytesIO()
            picture.convert("RGB").save(out, "JPEG", quality=60, optimize=True)
    except _UNREADABLE:
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
