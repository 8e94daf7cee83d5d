"""How pictures from anybody are opened: as JPEG or PNG, up to a size, with the errors that Pillow raises for others.

Pillow would open dozens of formats, and runs Ghostscript for one of them (EPS).
"""

from __future__ import annotations

import struct
import zlib

from PIL import Image

PICTURE_FORMATS = ("JPEG", "PNG")
MOST_PIXELS = 2**26  # two pictures of 8K; 200 MB when it is decoded
Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2  # Pillow warns above this number, and refuses above twice of it

PICTURE_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,  # more pixels than MOST_PIXELS
    Image.DecompressionBombWarning,
)
"""Pillow's decoders raise these for broken files. None of them is a fault of this program."""
