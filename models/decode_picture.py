"""Hostile bytes to pictures: whatever does not decode is an error of its video, never of the process."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

from schemas.errors import PermanentError

# Pillow's decoders raise most of these for broken files; a bomb has more pixels than Pillow's limit.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def decode_picture(image: bytes | None) -> Image.Image:
    """An RGB picture of JPEG or PNG bytes. Raises PermanentError `unreadable_picture`."""
    try:
        with Image.open(io.BytesIO(image or b"")) as picture:
            return picture.convert("RGB")
    except _BROKEN as error:
        raise PermanentError("unreadable_picture", f"{len(image or b'')} bytes: {error}") from error
