"""The fingerprint of a video: perceptual hashes of its frames over time, and of views of some of its frames.

A re-encoded copy has nearly the same hashes at the same times. A cropped or mirrored copy has other hashes: the hash of
a crop or of the mirror image of the original is near them. So some frames are hashed in 14 views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from PIL import Image

from curation.frames.similarity import GRAY_SIDE, small_gray

PICKS = 24  # frames that are hashed in all views
# Left, top, right, bottom as shares of the picture: the whole, two zooms, crops that leave out one side more, and the
# picture without the bars that another aspect ratio brings.
CROPS = (
    *((0.0, 0.0, 1.0, 1.0), (0.06, 0.06, 0.94, 0.94), (0.12, 0.12, 0.88, 0.88)),
    *((0.0, 0.06, 0.88, 0.94), (0.12, 0.06, 1.0, 0.94), (0.06, 0.0, 0.94, 0.88), (0.06, 0.12, 0.94, 1.0)),
    *((0.0, 0.06, 1.0, 0.94), (0.0, 0.125, 1.0, 0.875), (0.125, 0.0, 0.875, 1.0)),
)
_HASHED = 32  # pixels a side of what a hash sees
VIEWS = 2 * len(CROPS)  # the crops of the picture, then those of its mirror image

Hashes = NDArray[np.uint64]
Grays = NDArray[np.uint8]


class NoPictures(Exception):
    """The pictures of a video cannot be read, so that it cannot be compared with another."""


@dataclass(frozen=True)
class Fingerprint:
    """What is compared of a video. Fingerprints that are compared have one sampling rate.

    `hashes` (n,) uint64: ImageHash's `phash` of each sampled frame, in order of time. `picks` (k,): ascending indices
    of the frames that were hashed in all views; `views` (k, VIEWS) uint64. `pictures` gives the luma of every sampled
    frame, (n, 32, 32) uint8; it may decode the video, and is called only for pairs whose hashes are alike. It raises
    NoPictures.
    """

    hashes: Hashes
    picks: NDArray[np.intp]
    views: Hashes
    pictures: Callable[[], Grays]


def fingerprint(
    hashes: Sequence[str],
    at_hand: Sequence[int],
    picture: Callable[[int], bytes],
    pictures: Callable[[], Grays],
    *,
    only_at_hand: bool = False,
) -> Fingerprint:
    """The fingerprint of a video whose sampled frames have these hashes, each 16 hex digits.

    `picture` gives a frame as a JPEG. It is asked for 24 frames, or all of a shorter video: first for those `at_hand`,
    such as keyframes, which need no decoding, and for others spread over the video unless `only_at_hand`. `pictures`
    gives all as in `Fingerprint`. Raises what `picture` raises, and OSError for what is no picture.
    """
    picks = picked(0 if only_at_hand else len(hashes), at_hand)
    views = []
    for index in picks:
        with Image.open(BytesIO(picture(index))) as image:
            views.append(views_of(image))
    return Fingerprint(
        np.array([int(each, 16) for each in hashes], np.uint64),
        np.array(picks, np.intp),
        np.array(views, np.uint64).reshape(len(picks), VIEWS),
        pictures,
    )


def gray(jpeg: bytes) -> Grays:
    """The luma of a picture, averaged to (32, 32)."""
    with Image.open(BytesIO(jpeg)) as image:
        image.draft("L", (2 * GRAY_SIDE, 2 * GRAY_SIDE))  # decoded at a fraction of its size, several times as fast
        return small_gray(image)


def picked(frames: int, at_hand: Sequence[int]) -> list[int]:
    """The frames to hash in all views, ascending: those at hand, evenly chosen, then those farthest from the others."""
    first = sorted(set(at_hand))
    if len(first) > PICKS:
        return [first[place] for place in np.linspace(0, len(first) - 1, PICKS).round().astype(int)]
    chosen = set(first)
    for step in range(frames, 0, -1):  # the largest step at which frames are left: 2 of 3 fit between 1 and 4
        if len(chosen) >= min(PICKS, frames):
            break
        for index in range(0, frames, step):
            if len(chosen) < min(PICKS, frames) and all(abs(index - other) >= step for other in chosen):
                chosen.add(index)
    return sorted(chosen)


def views_of(picture: Image.Image) -> list[int]:
    """The hashes of the views of a picture, as integers of 64 bits.

    They are ImageHash's `phash` of the crops; all are computed at once. A view of the mirror image is the mirror image
    of a view, so most pictures are reduced once for two hashes.
    """
    picture.draft("L", (320, 320))
    luma = picture.convert("L")
    luma.thumbnail((160, 160), Image.Resampling.BOX)  # a hash sees 32x32: larger pictures only cost time
    w, h = luma.size
    reduced = lru_cache(maxsize=None)(lambda box: _reduced(luma.crop(box)))
    plain, mirrored = [], []
    for left, top, right, bottom in CROPS:
        first, upper, last, lower = round(left * w), round(top * h), round(right * w), round(bottom * h)
        plain.append(reduced((first, upper, last, lower)))
        mirrored.append(reduced((w - last, upper, w - first, lower))[:, ::-1])
    return _phashes(np.stack([*plain, *mirrored]))


def _reduced(picture: Image.Image) -> Grays:
    return np.asarray(picture.resize((_HASHED, _HASHED), Image.Resampling.LANCZOS))


def _phashes(pictures: Grays) -> list[int]:
    """ImageHash's `phash` of gray pictures (n, 32, 32): the lowest coefficients of their DCT above their median."""
    low = scipy.fft.dct(scipy.fft.dct(pictures.astype(np.float64), axis=1), axis=2)[:, :8, :8]
    above = low > np.median(low, axis=(1, 2), keepdims=True)
    hashes: list[int] = np.packbits(above.reshape(len(pictures), 64), axis=1).view(">u8").ravel().tolist()
    return hashes


def bits(hashes: Hashes) -> NDArray[np.float32]:
    """The bits of hashes (...) as numbers +1 and -1, (..., 64): a dot product is 64 - 2 x their distance."""
    octets: NDArray[Any] = hashes.astype(">u8")[..., None].view(np.uint8)
    return np.unpackbits(octets, axis=-1).astype(np.float32) * 2 - 1
