"""A set of videos of the demo world with planted copies, as real H.264 files, and what is known of it.

Every original is a script of its own. Some share an opening of eight seconds, as the videos of one channel do: that is
no copy. A copy is decoded from its original's file, changed, encoded again at a lower quality, and sampled as the
pipeline samples: so its frames lie between those of the original. Its keyframes are those of the script, some left out.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from curation.frames.pyav_sampler import PyavSampler
from curation.frames.similarity import look_at, small_gray
from curation.release.splits.fingerprint import fingerprint
from curation.release.splits.items import SplitItem
from curation.video.encode import encode_video
from demo.render import draw
from demo.world import make_script

FPS = 2
OPENING = 8  # seconds
WIDTH, HEIGHT = 160, 120

Picture = NDArray[np.uint8]
Change = Callable[[list[Picture], random.Random], tuple[list[Picture], int]]


class Planted(NamedTuple):
    """The videos; the number of the original that each comes from; and how a copy was made (`original` otherwise)."""

    items: list[SplitItem]
    origin: list[int]
    kinds: list[str]

    def true_pairs(self) -> set[tuple[int, int]]:
        """The pairs of places that have one original."""
        count = len(self.items)
        return {(i, j) for i in range(count) for j in range(i + 1, count) if self.origin[i] == self.origin[j]}


def plant(folder: Path, originals: int, copies: int, seed: int = 0, seconds: int | None = None) -> Planted:
    """Make the set in `folder`; each copy is of an original of its own, and the ways take turns.

    `seconds`: the length of each original, 40 to 120; drawn when None. `copies` is at most `originals`.
    """
    rng = random.Random(f"planted {seed}")
    items: list[SplitItem] = []
    opening = _pictures(seed + 10_000, 40)[: OPENING * FPS]
    for number in range(originals):
        pictures, shift = _pictures(seed + number, seconds), 0
        if number % 8 == 1:
            pictures, shift = opening + pictures, OPENING
        path = folder / f"original-{number:04d}.mp4"
        encode_video(path, pictures, fps=FPS, options={"qp": "24", "preset": "veryfast"})
        keyframes = [second + shift for second in make_script(seed + number, seconds).keyframes]
        items.append(_item(path, keyframes, f"channel {number % 40}"))
    kinds, origin = ["original"] * originals, list(range(originals))
    for number in range(copies):
        kind = list(CHANGES)[number % len(CHANGES)]
        source = folder / f"original-{number:04d}.mp4"
        decoded = [sample.image for sample in PyavSampler(source, Fraction(FPS), HEIGHT, 3600).samples()]
        changed, cut = CHANGES[kind](decoded, rng)
        path = folder / f"copy-{number:04d}.mp4"
        quality = str(rng.randint(30, 38))
        encode_video(path, changed, fps=FPS, options={"qp": quality, "preset": "veryfast"})
        shift = OPENING if number % 8 == 1 else 0
        script = make_script(seed + number, seconds)
        keyframes = [second + shift - cut // FPS for second in script.keyframes if rng.random() < 0.8]
        items.append(_item(path, keyframes, f"other channel {number}"))
        kinds.append(kind)
        origin.append(number)
    return Planted(items, origin, kinds)


def _item(path: Path, keyframes: list[int], channel: str) -> SplitItem:
    hashes, jpegs, grays = [], [], []
    for sample in PyavSampler(path, Fraction(1), HEIGHT, 3600).samples():
        image = Image.fromarray(np.ascontiguousarray(sample.image))
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=90)
        hashes.append(look_at(image).phash)
        jpegs.append(buffer.getvalue())
        grays.append(small_gray(image))
    pictures = np.stack(grays)
    inside = [second for second in keyframes if 0 <= second < len(hashes)]
    return SplitItem(
        id=path.stem,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        duration=float(len(hashes)),
        channel=channel,
        fingerprint=fingerprint(hashes, inside, lambda index: jpegs[index], lambda: pictures),
    )


def _pictures(seed: int, seconds: int | None) -> list[Picture]:
    script = make_script(seed, seconds)
    return [
        np.asarray(draw(script, index / FPS).resize((WIDTH, HEIGHT), Image.Resampling.BOX))
        for index in range(script.duration * FPS)
    ]


def _each(
    change: Callable[[Image.Image], Image.Image], pictures: list[Picture], size: tuple[int, int]
) -> list[Picture]:
    return [np.asarray(change(Image.fromarray(picture)).resize(size)) for picture in pictures]


def _reencoded(pictures: list[Picture], rng: random.Random) -> tuple[list[Picture], int]:
    """Another size, another quality."""
    scale = rng.choice((0.5, 0.75, 1.25))
    size = (round(WIDTH * scale) // 2 * 2, round(HEIGHT * scale) // 2 * 2)
    return _each(lambda image: image, pictures, size), 0


def _cropped(pictures: list[Picture], rng: random.Random) -> tuple[list[Picture], int]:
    """Up to 12 % of each side cut off."""
    left, top, right, bottom = (rng.uniform(0.02, 0.12) for _ in range(4))
    box = (round(left * WIDTH), round(top * HEIGHT), round((1 - right) * WIDTH), round((1 - bottom) * HEIGHT))
    return _each(lambda image: image.crop(box), pictures, (WIDTH, HEIGHT)), 0


def _mirrored(pictures: list[Picture], rng: random.Random) -> tuple[list[Picture], int]:
    """Left and right exchanged."""
    return _each(ImageOps.mirror, pictures, (WIDTH, HEIGHT)), 0


def _trimmed(pictures: list[Picture], rng: random.Random) -> tuple[list[Picture], int]:
    """A third to two thirds of it are left; the beginning may lie between two sampled frames."""
    count = len(pictures)
    first = rng.randint(0, count // 3)
    return pictures[first : first + rng.randint(count * 2 // 5, count * 2 // 3)], first


def _uploaded_again(pictures: list[Picture], rng: random.Random) -> tuple[list[Picture], int]:
    """By another channel: its logo in a corner, bars above and below, brighter or darker."""
    light = rng.uniform(0.8, 1.2)

    def change(image: Image.Image) -> Image.Image:
        image = image.point(lambda value: min(255, round(value * light)))
        ImageDraw.Draw(image).rectangle((128, 6, 154, 20), fill=(250, 200, 40))
        framed = Image.new("RGB", (WIDTH, HEIGHT + 16))
        framed.paste(image, (0, 8))
        return framed

    return _each(change, pictures, (WIDTH, HEIGHT)), 0


def _then(first: Change, second: Change) -> Change:
    def both(pictures: list[Picture], rng: random.Random) -> tuple[list[Picture], int]:
        pictures, cut = first(pictures, rng)
        pictures, more = second(pictures, rng)
        return pictures, cut + more

    return both


CHANGES: dict[str, Change] = {
    "re-encoded": _reencoded,
    "cropped": _cropped,
    "mirrored": _mirrored,
    "trimmed": _trimmed,
    "uploaded again": _uploaded_again,
    "cropped and mirrored": _then(_cropped, _mirrored),
    "cropped and trimmed": _then(_cropped, _trimmed),
}


def pairs_of(clusters: list[list[int]]) -> Iterator[tuple[int, int]]:
    """All pairs of places within clusters."""
    for cluster in clusters:
        for at, first in enumerate(cluster):
            for second in cluster[at + 1 :]:
                yield first, second
