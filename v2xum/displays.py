"""What a notebook shows of an object: HTML of the templates in data/report/notebook, every text in it escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

from PIL import Image

from pages.templates import load_template
from pages.thumbnails import cut, thumbnail
from schemas.time import clock

MOST_ROWS, LONGEST = 12, 400


def html(name: str, **values: Any) -> str:
    """The template `notebook/NAME.html.jinja` with these values."""
    filters: dict[str, Callable[..., Any]] = {"clock": clock, "cut": lambda text: cut(text, LONGEST)}
    return load_template(f"notebook/{name}.html.jinja", filters).render(**values)


def data_uri(jpeg: bytes) -> str:
    """A JPEG as a data URI."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def small(read: Callable[[], bytes], width: int = 160) -> str:
    """A picture as a small JPEG in a data URI; empty where `read` raises OSError or StageError."""
    return thumbnail(read, width)


def picture_of(jpeg: bytes) -> Image.Image:
    """A JPEG as a PIL picture in RGB."""
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        return picture.convert("RGB")
