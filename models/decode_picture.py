"""Decodes JPEG or PNG bytes of unknown origin; bytes that do not decode raise an error of their video."""

from __future__ import annotations

import io

from PIL import Image

from schemas.errors import PermanentError
from schemas.kit.picture_errors import PICTURE_ERRORS, PICTURE_FORMATS


def decode_picture(image: bytes | None) -> Image.Image:
    """Decode JPEG or PNG bytes as an RGB picture. Raises PermanentError `unreadable_picture`."""
    try:
        with Image.open(io.BytesIO(image or b""), formats=PICTURE_FORMATS) as picture:
            return picture.convert("RGB")
    except PICTURE_ERRORS as error:
        raise PermanentError("unreadable_picture", f"{len(image or b'')} bytes: {error}") from error
