"""Draws a script: a picture of any moment, or all frames of the video.

Every action has a mark that a single frame shows: speed lines behind an object that moves, rays around an object that
appears, an outline around an object that grows, a hole in an object that leaves, and a large board for a sign. Without
these marks an object that appears or leaves fades, and what happens is seen only in what changes from frame to frame.
"""

import math
import random
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFont

from demo.world import Event, Pose, Script

WIDTH, HEIGHT = 320, 240
_COLUMN_X = (56, 160, 264)
_LEVEL_Y = (154, 86)
_RADIUS, _GROWN_RADIUS = 36, 45
_SUPERSAMPLE = 3
_RGB = {
    "red": (216, 24, 32),
    "green": (24, 150, 44),
    "blue": (28, 52, 214),
    "yellow": (250, 224, 30),
    "white": (250, 250, 250),
    "black": (14, 14, 16),
}
_PLACE_RGB = {
    "gray room": (138, 138, 138),
    "pink hall": (238, 160, 186),
    "brown barn": (134, 88, 50),
    "teal pool": (70, 190, 196),
    "violet stage": (136, 92, 176),
}
_STAR = [(r * math.sin(i * math.pi / 5), -r * math.cos(i * math.pi / 5)) for i, r in enumerate((1.18, 0.47) * 5)]
_ARM = 0.36
_CROSS = [
    *[(-_ARM, -1.05), (_ARM, -1.05), (_ARM, -_ARM), (1.05, -_ARM), (1.05, _ARM), (_ARM, _ARM)],
    *[(_ARM, 1.05), (-_ARM, 1.05), (-_ARM, _ARM), (-1.05, _ARM), (-1.05, -_ARM), (-_ARM, -_ARM)],
]
_POLYGONS = {
    "square": [(-0.86, -0.86), (0.86, -0.86), (0.86, 0.86), (-0.86, 0.86)],
    "triangle": [(0.0, -1.08), (1.08, 0.86), (-1.08, 0.86)],
    "star": _STAR,
    "cross": _CROSS,
}

Frame = NDArray[np.uint8]


def frames(script: Script, fps: int = 10) -> Iterator[Frame]:
    """Yield every frame of the video in order, each (240, 320, 3) uint8 RGB; `fps` in frames a second."""
    for index in range(script.duration * fps):
        yield np.asarray(draw(script, index / fps))


def draw(script: Script, time: float, *, marks: bool = True) -> Image.Image:
    """Draw the moment `time` (seconds) as a 320x240 RGB picture; the same script and time give the same pixels.

    With `marks` a single picture shows which action is under way; without, only the pictures around it do.
    """
    stretch = script.at(time)
    image = _backdrop(script.seed, stretch.place).copy()
    event = stretch.event
    if event is not None and event.kind == "sign":
        _draw_sign(image, event.word or "")
    else:
        if event is not None:
            _draw_acting(image, script.seed, event, time, marks=marks)
        for pose in stretch.resting:
            _paste(image, pose.thing.shape, _position(script.seed, pose, time), _radius(pose), _colour(script, pose))
    return _with_noise(image, script.seed, time)


def _with_noise(image: Image.Image, seed: int, time: float) -> Image.Image:
    bank = _noise_bank()
    grain = bank[(seed + round(time * 10)) % len(bank)]
    return Image.fromarray(np.clip(np.asarray(image, dtype=np.int16) + grain, 0, 255).astype(np.uint8))


@lru_cache(maxsize=1)
def _noise_bank() -> NDArray[np.int16]:
    """Return 8 grains of gray noise, (8, 240, 320, 1), standard deviation 2.5 of 255."""
    return np.random.default_rng(0).normal(0, 2.5, (8, HEIGHT, WIDTH, 1)).round().astype(np.int16)


@lru_cache(maxsize=64)
def _backdrop(seed: int, place: str) -> Image.Image:
    """Paint the wall and the darker floor of a place, in a shade of its own for every seed."""
    rng = random.Random(f"backdrop {seed} {place}")
    wall = _shade(_PLACE_RGB[place], rng, 6)
    image = Image.new("RGB", (WIDTH, HEIGHT), wall)
    floor = (wall[0] * 7 // 8, wall[1] * 7 // 8, wall[2] * 7 // 8)
    ImageDraw.Draw(image).rectangle((0, 200 + rng.randint(-8, 8), WIDTH, HEIGHT), fill=floor)
    return image


def _shade(colour: tuple[int, int, int], rng: random.Random, spread: int) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, value + rng.randint(-spread, spread))) for value in colour)
    return red, green, blue


@lru_cache(maxsize=256)
def _thing_shade(seed: int, colour: str) -> tuple[int, int, int]:
    return _shade(_RGB[colour], random.Random(f"shade {seed} {colour}"), 8)


def _colour(script: Script, pose: Pose) -> tuple[int, int, int]:
    return _thing_shade(script.seed, pose.thing.colour)


def _radius(pose: Pose) -> float:
    return _GROWN_RADIUS if pose.grown else _RADIUS


@lru_cache(maxsize=256)
def _offset(seed: int, thing: str) -> tuple[float, float, float]:
    """Return a thing's own displacement in pixels (x, y) and the phase of its wobble in radians."""
    rng = random.Random(f"offset {seed} {thing}")
    return rng.uniform(-5, 5), rng.uniform(-6, 6), rng.uniform(0, math.tau)


def _position(seed: int, pose: Pose, time: float) -> tuple[float, float]:
    """Return the centre in pixels; objects at rest wobble a little, so that no two frames are equal."""
    dx, dy, phase = _offset(seed, str(pose.thing))
    x = _COLUMN_X[pose.column] + dx + 2.0 * math.sin(1.3 * time + phase)
    y = _LEVEL_Y[pose.level] + dy + 2.0 * math.cos(1.1 * time + phase)
    return x, y


def _draw_acting(image: Image.Image, seed: int, event: Event, time: float, *, marks: bool) -> None:
    pose = event.before or event.after
    if pose is None:
        raise ValueError(f"event without an object: {event}")
    shape, colour = pose.thing.shape, _thing_shade(seed, pose.thing.colour)
    progress = (time - event.start) / (event.end - event.start)
    x, y = _position(seed, pose, time)
    radius = _radius(pose)
    shown = 1.0
    if event.kind == "leaves" and marks:
        _paste(image, shape, (x, y), radius, colour, hole=0.6)
        return
    if event.kind in ("appears", "leaves") and not marks:
        shown = progress if event.kind == "appears" else 1 - progress
    elif event.kind == "grows":
        radius += (_GROWN_RADIUS - _RADIUS) * progress
        if marks:
            _paste(image, shape, (x, y), radius * 1.62, colour, hole=0.84)
    elif event.kind == "appears":
        _draw_rays(image, (x, y), radius, colour)
    elif event.after is not None:
        to_x, to_y = _position(seed, event.after, time)
        dx, dy = to_x - x, to_y - y
        x, y = x + dx * progress, y + dy * progress
        if marks:
            length = math.hypot(dx, dy)
            _draw_speed_lines(image, (x, y), radius, (dx / length, dy / length), colour)
    _paste(image, shape, (x, y), radius, colour, shown=shown)


def _draw_rays(image: Image.Image, centre: tuple[float, float], radius: float, colour: tuple[int, int, int]) -> None:
    pen = ImageDraw.Draw(image)
    for step in range(8):
        dx, dy = math.cos(step * math.pi / 4), math.sin(step * math.pi / 4)
        ends = [(centre[0] + dx * radius * part, centre[1] + dy * radius * part) for part in (1.3, 1.85)]
        pen.line(ends, fill=colour, width=9)


def _draw_speed_lines(
    image: Image.Image,
    centre: tuple[float, float],
    radius: float,
    direction: tuple[float, float],
    colour: tuple[int, int, int],
) -> None:
    pen = ImageDraw.Draw(image)
    dx, dy = direction
    for side in (-0.72, 0.0, 0.72):
        x, y = centre[0] - dy * radius * side, centre[1] + dx * radius * side
        ends = [(x - dx * radius * part, y - dy * radius * part) for part in (1.3, 2.2)]
        pen.line(ends, fill=colour, width=9)


def _draw_sign(image: Image.Image, word: str) -> None:
    board = _sign_board(word)
    image.paste(board, ((WIDTH - board.width) // 2, (HEIGHT - board.height) // 2))


@lru_cache(maxsize=16)
def _sign_board(word: str) -> Image.Image:
    """Paint a white board with a dark frame and the word as large as the board takes."""
    board = Image.new("RGB", (300, 150), (20, 20, 60))
    pen = ImageDraw.Draw(board)
    pen.rectangle((8, 8, 291, 141), fill=(248, 248, 240))
    font = ImageFont.load_default(size=96)
    pen.text((150, 75), word, font=font, fill=(20, 20, 60), anchor="mm", stroke_width=3, stroke_fill=(20, 20, 60))
    return board


def _paste(
    image: Image.Image,
    shape: str,
    centre: tuple[float, float],
    radius: float,
    colour: tuple[int, int, int],
    hole: float = 0.0,
    shown: float = 1.0,
) -> None:
    mask = _mask(shape, round(radius * 2), hole)
    if shown < 1:
        mask = mask.point([round(level * shown) for level in range(256)])
    image.paste(colour, (round(centre[0]) - mask.width // 2, round(centre[1]) - mask.height // 2), mask)


@lru_cache(maxsize=1024)
def _mask(shape: str, diameter: int, hole: float) -> Image.Image:
    """Draw the anti-aliased outline of a shape; `hole` is the part of the radius that stays empty."""
    side = diameter + diameter // 4 + 4
    outer = _silhouette(shape, side, diameter / 2)
    if hole:
        outer = ImageChops.subtract(outer, _silhouette(shape, side, diameter / 2 * hole))
    return outer


def _silhouette(shape: str, side: int, radius: float) -> Image.Image:
    large = Image.new("L", (side * _SUPERSAMPLE, side * _SUPERSAMPLE), 0)
    pen = ImageDraw.Draw(large)
    middle, scale = side * _SUPERSAMPLE / 2, radius * _SUPERSAMPLE
    if shape == "circle":
        pen.ellipse((middle - scale, middle - scale, middle + scale, middle + scale), fill=255)
    else:
        pen.polygon([(middle + x * scale, middle + y * scale) for x, y in _POLYGONS[shape]], fill=255)
    return large.reduce(_SUPERSAMPLE)
