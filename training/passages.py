"""Films that are made anew in every epoch: passages of several films, one after the other.

Few films are soon known by heart. A summarizer that copies slots learns more from films that never come again: what a
frame shows stays true, and its slot changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from training.examples import Example


class Passage(NamedTuple):
    """The frames from `first` to before `end` of a film."""

    film: Example
    first: int
    end: int


def draw_passages(own: Example, films: Sequence[Example], most: int, random: np.random.Generator) -> list[Passage]:
    """1 to `most` passages, at most as many frames as `own` has: one of `own`, the others of `films`, in any order.

    One passage is the whole of `own`. All cuts, films and places are equally likely.
    """
    count = int(random.integers(1, min(most, own.frames) + 1))
    cuts = np.sort(random.choice(own.frames - 1, count - 1, replace=False)) + 1
    lengths = np.diff([0, *cuts, own.frames])
    chosen = [own, *(films[place] for place in random.integers(len(films), size=count - 1))]
    passages = []
    for place, length in zip(random.permutation(count), lengths, strict=True):
        film = chosen[place]
        first = int(random.integers(max(film.frames - int(length), 0) + 1))
        passages.append(Passage(film, first, min(first + int(length), film.frames)))
    return passages


def join(passages: Sequence[Passage]) -> Example:
    """The passages as one film, which is named as the first; a sentence stays where frames that it cites do.

    Its one row of labels has the keyframes of each film, and its text is its sentences.
    """
    labels: list[np.ndarray[Any, Any]] = []
    captions: list[str] = []
    said: list[str] = []
    before = 0
    lines: list[tuple[tuple[int, ...], str]] = []
    for film, first, end in passages:
        chosen = np.zeros(film.frames, np.float32)
        chosen[list(film.keyframes)] = 1
        labels.append(chosen[first:end])
        captions += film.captions[first:end]
        said += film.said[first:end]
        for frames, text in film.interleaved:
            if kept := tuple(frame - first + before for frame in frames if first <= frame < end):
                lines.append((kept, text))
        before += end - first
    apart = passages[0].film.duration / passages[0].film.frames
    return replace(
        passages[0].film,
        duration=before * apart,
        seconds=np.arange(before, dtype=np.float64) * apart,
        labels=np.concatenate(labels)[None],
        captions=tuple(captions),
        said=tuple(said),
        text=" ".join(text for _, text in lines),
        interleaved=tuple(lines),
    )
