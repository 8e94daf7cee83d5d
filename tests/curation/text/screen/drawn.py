"""Pictures with known text: cards, subtitles and signs, drawn by PIL's own font, and a reader that knows them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models.reader import ReadLine

SIZE = (480, 270)


def scene(seed: int = 0, shift: int = 0) -> Image.Image:
    """A picture of something that is no text: smooth light and a few shapes, moved by `shift` pixels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    waves = np.stack([120 + 80 * np.sin((columns * a + rows * b) / 150 + c) for a, b, c in rng.uniform(0.5, 2, (3, 3))])
    picture = Image.fromarray(waves.transpose(1, 2, 0).astype(np.uint8), "RGB")
    draw = ImageDraw.Draw(picture)
    for _ in range(4):
        x, y, r = rng.integers(0, SIZE[0]) + shift, rng.integers(0, SIZE[1]), rng.integers(10, 50)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(rng.integers(0, 255, 3).tolist()))
    return picture


def written(
    picture: Image.Image, lines: Sequence[tuple[str, int, int]], size: int = 24, ink: str = "white"
) -> tuple[Image.Image, tuple[ReadLine, ...]]:
    """A copy of a picture with lines of text (text, and x and y in pixels), and what a reader finds."""
    made, found = picture.copy(), []
    draw, font = ImageDraw.Draw(made), ImageFont.load_default(size)
    for text, x, y in lines:
        draw.text((x, y), text, fill=ink, font=font, stroke_width=1, stroke_fill="black" if ink == "white" else None)
        left, top, right, bottom = draw.textbbox((x, y), text, font=font)
        box = (left / SIZE[0], top / SIZE[1], right / SIZE[0], bottom / SIZE[1])
        found.append(ReadLine(text, 0.99, *(min(1.0, max(0.0, edge)) for edge in box)))
    return made, tuple(found)


def card(lines: Sequence[str], ground: str = "black", size: int = 24) -> tuple[Image.Image, tuple[ReadLine, ...]]:
    """A plain picture with lines below each other."""
    return written(
        Image.new("RGB", SIZE, ground),
        [(text, 90, 30 + place * (size + 12)) for place, text in enumerate(lines)],
        size,
        "white" if ground == "black" else "black",
    )


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


class Knowing:
    """A reader that knows what was drawn into each picture; `asked` counts."""

    name, revision = "knowing", "1"

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[ReadLine, ...]] = {}
        self.asked = 0

    def add(self, picture: Image.Image, lines: tuple[ReadLine, ...] = ()) -> bytes:
        data = jpeg(picture)
        self.known[data] = lines
        return data

    def read(self, image: bytes) -> tuple[ReadLine, ...]:
        self.asked += 1
        return self.known[image]
