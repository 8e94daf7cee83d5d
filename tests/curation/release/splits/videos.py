"""Videos for tests of splits: fingerprints of drawn pictures, without files."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from curation.frames.similarity import look_at, small_gray
from curation.release.splits.fingerprint import VIEWS, Fingerprint, fingerprint
from curation.release.splits.items import SplitItem


def film(seed: int, seconds: int = 24, *, opening: int = 0) -> list[Image.Image]:
    """A picture a second: shapes that come and go; the first `opening` pictures are the same for every seed."""
    pictures = []
    for second in range(seconds):
        rng = np.random.default_rng([99 if second < opening else seed, second // 2])
        image = Image.new("RGB", (160, 120), tuple(rng.integers(60, 190, 3).tolist()))
        pen = ImageDraw.Draw(image)
        for _ in range(6):
            x, y = int(rng.integers(0, 120)), int(rng.integers(0, 90))
            pen.ellipse((x, y, x + int(rng.integers(20, 60)), y + int(rng.integers(20, 50))), fill=_colour(rng))
        pen.rectangle((second % 2 * 20, 100, second % 2 * 20 + 30, 112), fill=_colour(rng))
        pictures.append(image)
    return pictures


def printed(pictures: Sequence[Image.Image], broken: Callable[[], None] | None = None) -> Fingerprint:
    """The fingerprint of pictures; `broken` is called before the pictures are given, and may raise."""
    jpegs = [jpeg(picture) for picture in pictures]
    grays = np.stack([small_gray(picture) for picture in pictures])

    def give() -> np.ndarray:
        if broken is not None:
            broken()
        return grays

    return fingerprint([look_at(picture).phash for picture in pictures], (), jpegs.__getitem__, give)


def jpeg(picture: Image.Image) -> bytes:
    """A picture as a JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def random_print(rng: np.random.Generator, frames: int = 4) -> Fingerprint:
    """A fingerprint of random hashes, whose first view is the picture itself; it has no pictures."""
    hashes = rng.integers(0, 2**64, frames, dtype=np.uint64)
    views = rng.integers(0, 2**64, (frames, VIEWS), dtype=np.uint64)
    views[:, 0] = hashes
    return Fingerprint(hashes, np.arange(frames), views, lambda: np.zeros((frames, 32, 32), np.uint8))


def item(name: str, made: Fingerprint | None = None, **fields: object) -> SplitItem:
    """An item; what is not given is unlike that of any other item."""
    known = {"sha256": hashlib.sha256(name.encode()).hexdigest(), "duration": 100.0, "fingerprint": made}
    return SplitItem(**{"id": name, **known, **fields})  # type: ignore[arg-type]


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue
