"""Tells titles and credits from text in a picture of something else, by rules that look at the picture around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.reader import ReadLine
from schemas.parts.screen_text import LineKind

_GRID = 160  # cells along each side of a picture, for areas
_PLAIN, _NEAR = 0.98, 24  # a card: so much of what is not text lies so near to its median brightness (of 255)
_AROUND = 0.02  # of the picture, around a line: the shadow of letters
_MANY = 4  # lines of a card that lists names
_LOWER = 0.66  # subtitles begin below it
_CENTRED = 0.2  # the middle of a subtitle is so near to the middle of the picture


def covered(lines: Sequence[ReadLine], around: float = 0.0) -> NDArray[np.bool_]:
    """The part of a picture that lines cover, with so much around each: (160, 160), by rows and columns of cells."""
    found = np.zeros((_GRID, _GRID), bool)
    for line in lines:
        top, bottom = _span(line.top - around, line.bottom + around)
        left, right = _span(line.left - around, line.right + around)
        found[top:bottom, left:right] = True
    return found


def kinds_of(picture: Image.Image, lines: Sequence[ReadLine]) -> tuple[LineKind, ...]:
    """The kind of each line of a picture. On a card all are credits, or all are titles.

    A picture with many lines elsewhere is a slide or a page, whose lowest line is no subtitle. Where all lines are low,
    the ground of a subtitle may be plain too.
    """
    low = [_is_low(line) for line in lines]
    if not all(low) and _is_card(picture, lines):
        kind: LineKind = "credits" if len(lines) >= _MANY else "title"
        return (kind,) * len(lines)
    return tuple("subtitle" if one and low.count(False) < _MANY else "scene" for one in low)


def _is_card(picture: Image.Image, lines: Sequence[ReadLine]) -> bool:
    """Whether a picture shows hardly anything but its text."""
    gray = np.asarray(picture.convert("L").resize((_GRID, _GRID), Image.Resampling.BILINEAR), np.int16)
    rest = gray[~covered(lines, _AROUND)]
    return rest.size == 0 or bool(np.mean(np.abs(rest - np.median(rest)) <= _NEAR) >= _PLAIN)


def _is_low(line: ReadLine) -> bool:
    return line.top >= _LOWER and abs((line.left + line.right) / 2 - 0.5) <= _CENTRED


def _span(low: float, high: float) -> tuple[int, int]:
    first = min(_GRID - 1, max(0, int(low * _GRID)))
    return first, min(_GRID, max(first + 1, int(np.ceil(high * _GRID))))
