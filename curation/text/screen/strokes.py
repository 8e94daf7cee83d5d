"""Tells cheaply whether the text of two pictures may differ, so that a reader looks only where it does.

Letters are strokes: brightness changes strongly, there and back, many times along a row. A picture of 320 pixels width
is cut into cells of 8 x 8; a cell with many such changes may hold a part of a letter. Two pictures may differ in text
where two neighbouring cells of a row of such cells hold other strokes. Much of what moves has other strokes too, and is
looked at again.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

_WIDTH, _CELL = 320, 8
_STRONG = 28  # of 255, between neighbouring pixels of a row
_LEAST = 0.1  # the share of a cell's pixels that are strong, where it may hold text
_ROW = 2  # full cells beside each other, where there may be a line of text
_SAME = 0.45  # strokes that two cells share, of all that either has; JPEG moves a few

Strokes = NDArray[np.bool_]


def strokes(picture: Image.Image) -> Strokes:
    """Where brightness changes strongly along a row: (height, 320), height in the picture's proportion, 16 to 1280."""
    height = min(4 * _WIDTH, max(2 * _CELL, round(picture.height * _WIDTH / picture.width)))
    gray = np.asarray(picture.convert("L").resize((_WIDTH, height), Image.Resampling.BILINEAR), np.int16)
    found: Strokes = np.abs(np.diff(gray, axis=1, prepend=gray[:, :1])) >= _STRONG
    return found


def may_differ(before: Strokes, after: Strokes) -> bool:
    """Whether text may have come, gone or changed from one picture to the other."""
    if before.shape != after.shape:
        return True
    either, both = (_cells(mask) for mask in (before | after, before & after))
    full = either >= _LEAST * _CELL**2
    differs = full & (both < _SAME * either) & _in_rows(full)
    # A single cell is noise.
    return bool((differs[:, 1:] & differs[:, :-1]).any() or (differs[1:] & differs[:-1]).any())


def _in_rows(full: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The cells of rows of at least _ROW full cells beside each other: a line of text, and not the edge of a thing.

    One cell may be missing: the blank between two words.
    """
    closed = full.copy()
    closed[:, 1:-1] |= full[:, 2:] & full[:, :-2]
    padded = np.pad(closed, ((0, 0), (_ROW - 1, _ROW - 1)))
    whole = sliding_window_view(padded, _ROW, axis=1).all(axis=2)
    found: NDArray[np.bool_] = np.asarray(sliding_window_view(whole, _ROW, axis=1).any(axis=2))
    return found


def _cells(mask: Strokes) -> NDArray[np.int64]:
    """How many pixels of each whole cell are set: (rows, columns)."""
    rows, columns = (size // _CELL for size in mask.shape)
    whole = mask[: rows * _CELL, : columns * _CELL]
    counted: NDArray[np.int64] = whole.reshape(rows, _CELL, columns, _CELL).sum(axis=(1, 3))
    return counted
