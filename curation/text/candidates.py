"""Which captioned frames are offered as keyframes: one of each picture.

A summary that shows one picture many times is a known fault of published datasets, so a picture is offered once. Of
frames that show the same, the best is the earliest with a caption: the caption was written for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curation.frames.similarity import UNLIKE_BITS, distance
from schemas.records import CaptionSet, Frame, FrameSet
from schemas.safe_text import clean_text
from schemas.time import FrameIndex

_MOST_ALIKE = 0.5


def one_of_each_picture(captions: CaptionSet, frames: FrameSet) -> CaptionSet:
    """The captions of the frames that are offered as keyframes, in order.

    Two frames show the same picture when sampling found them nearly identical (`same_as`), or when they look the same
    (`picture`) and their captions are equal, case and white space aside: a thing that changes little by little looks
    the same from one second to the next, and only its caption tells.
    """
    offered = set(offered_as(captions, frames).values())
    return captions.model_copy(
        update={"captions": tuple(caption for caption in captions.captions if caption.index in offered)}
    )


def offered_as(captions: CaptionSet, frames: FrameSet) -> dict[FrameIndex, FrameIndex]:
    """By which offered frame the picture of each frame is offered; without the frames whose picture is not offered."""
    first: dict[tuple[FrameIndex, str], FrameIndex] = {}
    owners: dict[FrameIndex, FrameIndex] = {}
    for caption in captions.captions:
        frame = _owner(frames.frames[caption.index], frames)
        key = (frame.index if frame.picture is None else frame.picture, clean_text(caption.text).casefold())
        if frame.index not in owners:
            owners[frame.index] = first.setdefault(key, caption.index)
    found = ((frame.index, owners.get(_owner(frame, frames).index)) for frame in frames.frames)
    return {index: offered for index, offered in found if offered is not None}


def _owner(frame: Frame, frames: FrameSet) -> Frame:
    """The frame whose caption a frame may share: itself, or the earlier one to which it is nearly identical."""
    return frame if frame.same_as is None else frames.frames[frame.same_as]


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
