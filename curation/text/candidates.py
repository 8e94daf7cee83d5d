"""Which captioned frames are offered as keyframes: one of each picture.

A summary that shows one picture many times is a known fault of published datasets, so a picture is offered once. Of
frames that show the same, the best is the earliest: its own picture was captioned, the others share that caption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curation.frames.similarity import UNLIKE_BITS, distance
from schemas.records import Caption, CaptionSet, FrameSet
from schemas.safe_text import clean_text
from schemas.time import FrameIndex

_MOST_ALIKE = 0.5


def one_of_each_picture(captions: CaptionSet, frames: FrameSet) -> CaptionSet:
    """The captions of the frames that are offered as keyframes, in order.

    Two frames show the same picture when sampling found them nearly identical (`same_as`), or when their captions are
    equal (case and white space aside) and their perceptual hashes differ in at most 8 of 64 bits. Hashes alone do not
    decide that: two slides of one talk differ in few bits.
    """
    known = {frame.index: frame for frame in frames.frames}
    seen: dict[str, list[str]] = {}
    taken: set[FrameIndex] = set()
    offered: list[Caption] = []
    for caption in captions.captions:
        frame = known[caption.index]
        picture = frame.index if frame.same_as is None else frame.same_as
        alike = seen.setdefault(clean_text(caption.text).casefold(), [])
        if picture not in taken and all(distance(frame.phash, other) > UNLIKE_BITS for other in alike):
            offered.append(caption)
            alike.append(frame.phash)
        taken.add(picture)
    return captions.model_copy(update={"captions": tuple(offered)})


def all_alike(chosen: Sequence[FrameIndex], hashes: Mapping[FrameIndex, str]) -> bool:
    """Whether the chosen frames, two or more, all look like the first of them, while most of the video does not.

    `hashes` gives the perceptual hash of every offered frame.
    """
    if len(chosen) < 2 or any(index not in hashes for index in chosen):
        return False
    first = hashes[chosen[0]]
    if any(distance(first, hashes[index]) > UNLIKE_BITS for index in chosen):
        return False
    like = sum(distance(first, other) <= UNLIKE_BITS for other in hashes.values())
    return like < _MOST_ALIKE * len(hashes)
