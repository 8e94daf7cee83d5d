"""The errors that Pillow raises for broken or hostile pictures."""

from __future__ import annotations

import struct
import zlib

from PIL import Image

PICTURE_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,  # more pixels than Pillow allows
)
"""Pillow's decoders raise these for broken files. None of them is a fault of this program."""
