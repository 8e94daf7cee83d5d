"""Canaries: pictures with known content that are captioned among the frames of a video.

The caption of a canary shows whether captions come back to the right pictures. There are two kinds of canaries:
pictures that this module draws, for general models, and pictures of the user, from a folder with `canaries.json`:

    {"pictures": [{"file": "a.jpg", "words": [["red"], ["circle", "disc"]]}]}

Each canary is varied a little by its seed, so that no two canaries have the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import math
import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.decode_picture import decode_picture
from schemas.configuration.config import BindingConfig
from schemas.errors import ConfigError, PermanentError

Words = tuple[tuple[str, ...], ...]
_LISTING = "canaries.json"
_WORD = re.compile(r"[^\W_]+")
_SIZE = (448, 336)
_COLOURS: dict[str, tuple[tuple[int, int, int], tuple[str, ...]]] = {
    "red": ((214, 24, 32), ("red", "crimson", "scarlet")),
    "green": ((22, 148, 46), ("green",)),
    "blue": ((26, 54, 210), ("blue",)),
    "yellow": ((250, 218, 20), ("yellow", "gold", "golden")),
    "purple": ((128, 30, 160), ("purple", "violet", "magenta")),
    "black": ((8, 8, 8), ("black", "dark")),
}
_PAPER = ((255, 255, 255), (236, 238, 240), (250, 246, 236))
_SHAPES: dict[str, tuple[str, ...]] = {
    "circle": ("circle", "circular", "disc", "disk", "ball", "dot", "round", "sphere", "oval"),
    "square": ("square", "box", "block", "rectangle", "cube"),
    "triangle": ("triangle", "triangular", "pyramid"),
    "star": ("star", "stars"),
}
_SIGNS = ("HARBOR", "WINTER", "GARDEN", "MARKET", "BRIDGE", "COFFEE", "TIGER", "PIANO", "ROCKET", "LEMON")
_STAR = (90, 126, 162, 198, 234, 270, 306, 342, 18, 54)  # degrees; every second point is an inner point


class Canary(NamedTuple):
    """A picture: its name, its seed, its JPEG, and the words of a right caption.

    A right caption holds one word of every group in `words`. Words are lower-case.
    """

    picture: str
    seed: str
    image: bytes
    words: Words


Painter = Callable[[str], Canary]
"""Draws the canary of a seed."""


class _Picture(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(pattern=r"^[^/\\]+$")
    words: tuple[Annotated[tuple[Annotated[str, Field(pattern=r"\w")], ...], Field(min_length=1)], ...] = Field(
        min_length=1
    )


class _Listing(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: tuple[_Picture, ...] = Field(min_length=1)


def recognized(words: Words, said: str) -> bool:
    """Whether a text holds one word of every group, as a whole word or its plural, in any letter case."""
    text = f" {_plain(said)} "
    return all(any(f" {_plain(word)} " in text or f" {_plain(word)}s " in text for word in group) for group in words)


def canary_count(frames: int, config: BindingConfig) -> int:
    """The number of canaries for that many frames: `canaries` for each started `canary_every` frames."""
    return 0 if config.mode == "disable" else config.canaries * -(-frames // config.canary_every)


def canary_seeds(count: int, *parts: str) -> list[str]:
    """`count` seeds (32 hex digits each) that depend on `parts`; other parts give other seeds."""
    return [hashlib.sha256("\0".join((*parts, str(k))).encode()).hexdigest()[:32] for k in range(count)]


def positions(frames: int, canaries: Sequence[Canary]) -> list[int]:
    """For each canary, in order, the number of frames that are asked before it; the numbers ascend."""
    return sorted(random.Random(f"position {canary.seed}").randint(0, frames) for canary in canaries)  # noqa: S311


def build_painter(config: BindingConfig) -> Painter:
    """The function that draws the canaries of a configuration. Raises ConfigError when the folder is not valid."""
    if config.canary_pictures is None:
        return draw_canary
    folder = Path(config.canary_pictures)
    try:
        listing = _Listing.model_validate_json((folder / _LISTING).read_text(encoding="utf-8"))
        pictures = [(listed, decode_picture((folder / listed.file).read_bytes())) for listed in listing.pictures]
    except (OSError, ValueError, PermanentError) as error:
        problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise ConfigError(
            f"binding.canary_pictures: {folder.name}/{_LISTING} must list pictures beside it, as "
            f'{{"pictures": [{{"file": "a.jpg", "words": [["red"], ["circle", "disc"]]}}]}}: {problem}'
        ) from error
    return partial(_from_pictures, tuple(pictures))


def draw_canary(seed: str) -> Canary:
    """Draw a large coloured shape, or a word in large letters, on light paper, 448x336 pixels."""
    rng = random.Random(f"canary {seed}")  # noqa: S311
    image = Image.new("RGB", _SIZE, rng.choice(_PAPER))
    pen = ImageDraw.Draw(image)
    colour = rng.choice(sorted(_COLOURS))
    rgb, names = _COLOURS[colour]
    x, y = _SIZE[0] / 2 + rng.uniform(-40, 40), _SIZE[1] / 2 + rng.uniform(-20, 20)
    if rng.random() < 0.3:
        sign = rng.choice(_SIGNS)
        font = ImageFont.load_default(size=rng.randint(72, 88))
        pen.text((_SIZE[0] / 2, y), sign, font=font, fill=rgb, anchor="mm", stroke_width=2, stroke_fill=rgb)
        return Canary(f"word {sign}", seed, _jpeg(_grained(image, rng), rng), ((sign.lower(),),))
    shape = rng.choice(sorted(_SHAPES))
    _draw_shape(pen, shape, (x, y), rng.uniform(90, 130), rgb)
    return Canary(f"{colour} {shape}", seed, _jpeg(_grained(image, rng), rng), (names, _SHAPES[shape]))


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _draw_shape(
    pen: ImageDraw.ImageDraw, shape: str, centre: tuple[float, float], radius: float, colour: tuple[int, int, int]
) -> None:
    x, y = centre
    if shape == "circle":
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    elif shape == "square":
        side = radius * 0.85
        pen.rectangle((x - side, y - side, x + side, y + side), fill=colour)
    else:
        turns = _STAR if shape == "star" else (90, 210, 330)
        lengths = (1.0, 0.4) * 5 if shape == "star" else (1.0, 1.0, 1.0)
        pen.polygon([_point(x, y, radius * part, turn) for turn, part in zip(turns, lengths, strict=True)], fill=colour)


def _point(x: float, y: float, length: float, degrees: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return x + length * math.cos(angle), y - length * math.sin(angle)


def _from_pictures(pictures: Sequence[tuple[_Picture, Image.Image]], seed: str) -> Canary:
    """One of the user's pictures, cropped by up to 2 % at each side and made up to 4 % brighter or darker."""
    rng = random.Random(f"canary {seed}")  # noqa: S311
    chosen, image = rng.choice(pictures)
    width, height = image.size
    left, top, right, bottom = (rng.uniform(0, 0.02) for _ in range(4))
    box = (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    varied = image.crop(box).resize(image.size, Image.Resampling.BICUBIC) if min(width, height) > 1 else image
    varied = ImageEnhance.Brightness(varied).enhance(rng.uniform(0.96, 1.04))
    words = tuple(tuple(word.casefold() for word in group) for group in chosen.words)
    return Canary(chosen.file, seed, _jpeg(_grained(varied, rng), rng), words)


def _grained(image: Image.Image, rng: random.Random) -> Image.Image:
    """The picture with gray noise of one level of 255, so that two canaries of one kind have different bytes."""
    noise = np.random.default_rng(rng.getrandbits(64)).integers(-1, 2, (image.height, image.width, 1))
    return Image.fromarray(np.clip(np.asarray(image, np.int16) + noise, 0, 255).astype(np.uint8))


def _jpeg(image: Image.Image, rng: random.Random) -> bytes:
    store = io.BytesIO()
    image.save(store, "JPEG", quality=rng.randint(88, 95))
    return store.getvalue()
