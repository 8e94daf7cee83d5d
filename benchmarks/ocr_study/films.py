"""Films of the demo's world with a title, subtitles, signs and credits, whose text is known to the second.

A film begins with a title card of three seconds and ends with credits of four. Between them a script of the demo's
world goes on, twice as large as in the demo; its own signs are text too. Some of its scenes have subtitles, and some a
notice in a corner. Sizes, fonts and inks differ from film to film.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from curation.video.encode import encode_video
from demo.render import draw
from demo.world import MINIMUM_SECONDS, make_script
from schemas.parts.screen_text import LineKind

FPS = 2  # of the films; every second is sampled
SIZE = (640, 480)
FIRST_SEED = 70_000_001
TITLE, CREDITS = 3, 4  # seconds
_FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")
_SAID = (
    *("Now add the flour", "and stir it well.", "Wait for 15 minutes", "Wait for 25 minutes", "Where is the key?"),
    *("It was never here.", "Look at the river", "They left at 7:40", "Nobody knows why", "Take the second door"),
)
_NOTICES = ("LIVE 21:05", "Oven 230 C", "Gate B12", "Part 2 of 5", "Harbour Road", "Track 9 3/4")
_NAMES = ("Ada Example", "Ben Sample", "Cleo Muster", "Dan Modelo", "Eve Esempio", "Finn Voorbeeld")
_ROLES = ("Directed by", "Camera", "Music", "Sound", "Written by")


class Written(NamedTuple):
    """A line of a film: its text, its kind, and the first and the last second in which it is shown."""

    text: str
    kind: LineKind
    first: int
    last: int


class Film(NamedTuple):
    """A film: its seed, its length in seconds, and all that is written in it, in order of time."""

    seed: int
    seconds: int
    lines: tuple[Written, ...]


def film(number: int) -> Film:
    """The film of this number; it is the same every time."""
    rng, script = random.Random(f"text {number}"), make_script(FIRST_SEED + number, MINIMUM_SECONDS)
    end = TITLE + script.duration
    lines = [Written(f"How to {rng.choice(('bake bread', 'sail a boat', 'mend a bike'))}", "title", 0, TITLE - 1)]
    signs = [event for event in script.events if event.kind == "sign"]
    lines += [Written(one.word or "", "scene", TITLE + one.seconds[0], TITLE + one.seconds[-1]) for one in signs]
    at = TITLE + rng.randint(0, 3)
    said = rng.sample(_SAID, len(_SAID))
    while said and at + 3 < end:
        length = rng.randint(2, 4)
        lines.append(Written(said.pop(), "subtitle", at, at + length - 1))
        at += length + rng.choice((0, 0, 1, 3, 8))
    for notice in rng.sample(_NOTICES, 2):
        first = rng.randint(TITLE, end - 8)
        lines.append(Written(notice, "scene", first, first + rng.randint(3, 7)))
    names = rng.sample(_NAMES, 3)
    for role, name in zip(rng.sample(_ROLES, 3), names, strict=True):
        lines += [Written(text, "credits", end, end + CREDITS - 1) for text in (role, name)]
    return Film(FIRST_SEED + number, end + CREDITS, tuple(sorted(lines, key=lambda line: line.first)))


def render(path: Path, wanted: Film) -> None:
    """Write a film as a video."""
    encode_video(path, _pictures(wanted), fps=FPS, options={"preset": "veryfast", "crf": "23"})


def _pictures(wanted: Film) -> Iterator[NDArray[np.uint8]]:
    rng = random.Random(f"look {wanted.seed}")
    script = make_script(wanted.seed, MINIMUM_SECONDS)
    ground, ink = rng.choice((("black", "white"), ("white", "black"), ("navy", "yellow")))
    letters, low, notice = (_font(rng.choice(_FONTS), rng.randint(*sizes)) for sizes in ((30, 44), (22, 30), (18, 26)))
    spoken = rng.choice(("white", "yellow"))
    for step in range(wanted.seconds * FPS):
        time = step / FPS
        shown = [line for line in wanted.lines if line.first <= int(time) <= line.last]
        cards = [line.text for line in shown if line.kind in ("title", "credits")]
        if cards:
            picture = Image.new("RGB", SIZE, ground)
            _stack(picture, cards, letters, ink)
        else:
            picture = draw(script, time - TITLE).resize(SIZE, Image.Resampling.BICUBIC)
            for line in shown:
                if line.kind == "subtitle":
                    _put(picture, line.text, low, spoken, (SIZE[0] // 2, SIZE[1] - 40), "mm")
                elif line.text in _NOTICES:
                    _put(picture, line.text, notice, "white", (16, 12), "la")
        yield np.asarray(picture)


def _stack(picture: Image.Image, texts: list[str], font: ImageFont.FreeTypeFont, ink: str) -> None:
    step = SIZE[1] / (len(texts) + 1)
    for place, text in enumerate(texts, 1):
        ImageDraw.Draw(picture).text((SIZE[0] / 2, step * place), text, fill=ink, font=font, anchor="mm")


def _put(
    picture: Image.Image, text: str, font: ImageFont.FreeTypeFont, ink: str, at: tuple[int, int], anchor: str
) -> None:
    ImageDraw.Draw(picture).text(at, text, fill=ink, font=font, anchor=anchor, stroke_width=2, stroke_fill="black")


@lru_cache(maxsize=32)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)
