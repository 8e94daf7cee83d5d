"""Which parts of a sound are sent to a speech recogniser: pieces without long silence, cut in pauses.

Recognisers invent text where nobody speaks, and Whisper hears 30 seconds at a time. Loudness alone needs nothing more
than numpy: what is loud and no speech (music, noise) is sent too. Its rules are careful with quiet speech: a silence is
what is far below the loud parts of the same video. A network that knows voices may say instead where somebody speaks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

QUIETEST = -60.0  # dB below full scale: below it nothing is heard
_RANGE = 40.0  # dB: consonants are up to 30 dB below the loudest vowels of a voice
_LOUD = 95.0  # percentile of the audible levels that counts as loud
_BRIDGED = 0.3  # seconds of silence within a word or between two
_CLICK = 0.06  # seconds: shorter sounds are no speech
_MARGIN = 0.3  # seconds before and after what is loud, for the soft ends of words
_SILENCE = 2.0  # seconds of silence that are not sent


class Piece(NamedTuple):
    """A part of a sound, in seconds."""

    start: float
    end: float


def pieces(
    levels: NDArray[np.float32], step: float, longest: float, speech: Iterable[tuple[float, float]] | None = None
) -> list[Piece]:
    """The pieces to send, in order and without overlap, each at most `longest` seconds; none for silence.

    `levels` are loudness in dB below full scale, one for each `step` seconds. Every audible level is in a piece, but
    for single clicks; with `speech` (spans in seconds, in order) every moment of speech is instead. A pause is where a
    piece ends; where a sound goes on for longer, its quietest moment is.
    """
    runs = _audible(levels, step) if speech is None else _wide(_steps(speech, step), levels.size, step)
    most = max(1, int(longest / step))
    parts = [part for run in runs for part in _split(levels, run, most, max(1, round(_BRIDGED / step)))]
    return [Piece(round(a * step, 3), round(b * step, 3)) for a, b in _joined(parts, most, round(_SILENCE / step))]


def _audible(levels: NDArray[np.float32], step: float) -> list[tuple[int, int]]:
    """The runs of audible levels, each with its margin, as (first, last + 1); they do not overlap."""
    heard = levels[levels > QUIETEST]
    if not heard.size:
        return []
    limit = max(QUIETEST, float(np.percentile(heard, _LOUD)) - _RANGE)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], levels > limit, [False]]).astype(np.int8)))
    return _wide(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True), levels.size, step)


def _steps(spans: Iterable[tuple[float, float]], step: float) -> Iterator[tuple[int, int]]:
    return ((int(start / step), math.ceil(end / step)) for start, end in spans)


def _wide(runs: Iterable[tuple[int, int]], count: int, step: float) -> list[tuple[int, int]]:
    """Runs that are near each other as one, without clicks, each with its margin, within `count` levels."""
    bridged = _bridge(runs, round(_BRIDGED / step))
    margin = round(_MARGIN / step)
    wide = ((max(0, a - margin), min(count, b + margin)) for a, b in bridged if (b - a) * step >= _CLICK)
    return list(_bridge(((a, b) for a, b in wide if a < b), 0))


def _bridge(runs: Iterable[tuple[int, int]], gap: int) -> Iterator[tuple[int, int]]:
    """Runs in order, those that are at most `gap` apart as one."""
    held: tuple[int, int] | None = None
    for first, end in runs:
        if held is not None and first - held[1] <= gap:
            held = held[0], max(held[1], end)
            continue
        if held is not None:
            yield held
        held = first, end
    if held is not None:
        yield held


def _split(levels: NDArray[np.float32], run: tuple[int, int], most: int, window: int) -> Iterator[tuple[int, int]]:
    """A run in parts of at most `most` levels, cut where `window` levels in the second half are the quietest."""
    first, end = run
    while end - first > most:
        low = first + max(1, most // 2)
        after = levels[low : first + most].astype(np.float64)
        width = min(window, after.size)
        means = np.convolve(after, np.ones(width) / width, mode="valid")
        cut = min(low + int(np.argmin(means)) + width // 2, first + most)
        yield first, cut
        first = cut
    yield first, end


def _joined(parts: Sequence[tuple[int, int]], most: int, silence: int) -> Iterator[tuple[int, int]]:
    """Neighbours as one piece, as long as it is short enough and holds no long silence."""
    held: tuple[int, int] | None = None
    for first, end in parts:
        if held is not None and end - held[0] <= most and first - held[1] <= silence:
            held = held[0], end
            continue
        if held is not None:
            yield held
        held = first, end
    if held is not None:
        yield held
