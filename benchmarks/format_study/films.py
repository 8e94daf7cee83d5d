"""Films whose every picture shows its own time as bars, and the reading of these bars from what a model is given."""

from __future__ import annotations

import fractions
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

BITS = 14  # tenths of a second
WIDTH, HEIGHT = 336, 192


class Film(NamedTuple):
    """A film to render: its name, and the time of each picture in seconds."""

    name: str
    times: list[float]
    rate: float


def picture(seconds: float) -> NDArray[np.uint8]:
    """A picture (HEIGHT, WIDTH, 3) whose bars, each as high as the picture, are the bits of its time in tenths."""
    tenths = round(seconds * 10)
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    side = WIDTH // BITS
    for bit in range(BITS):
        image[:, bit * side : (bit + 1) * side] = 235 if tenths >> bit & 1 else 20
    return image


def shown_time(image: NDArray[np.floating] | NDArray[np.integer]) -> float:
    """The time that a picture shows, (height, width) or (height, width, 3), of any size and scale of values."""
    columns = np.asarray(image, float).reshape(image.shape[0], image.shape[1], -1).mean((0, 2))
    middle = (columns.max() + columns.min()) / 2
    centres = (np.arange(BITS) + 0.5) * len(columns) / BITS
    return float(sum(int(columns[int(centre)] > middle) << bit for bit, centre in enumerate(centres))) / 10


def films(long: float) -> Iterator[Film]:
    """Films of constant rates, one of a varying rate, and one of `long` seconds."""
    yield Film("cfr30", [number / 30 for number in range(30 * 20)], 30)
    yield Film("ntsc", [number * 1001 / 30000 for number in range(1000)], 30000 / 1001)
    yield Film("short", [number / 25 for number in range(25 * 5)], 25)
    varying, now, random_ = list[float](), 0.0, random.Random(7)
    while now < 40:
        varying.append(now)
        now += random_.choice([1 / 30, 1 / 30, 1 / 10]) if random_.random() < 0.96 else random_.uniform(0.5, 2.0)
    yield Film("vfr", varying, 30)
    yield Film("long", [number / 10 for number in range(int(10 * long))], 10)


def render(film: Film, path: Path) -> None:
    """Write a film as H.264 in MP4."""
    base = fractions.Fraction(1, 90000)
    with av.open(str(path), "w") as container:
        rate = fractions.Fraction(film.rate).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = stream.time_base = base
        for seconds in film.times:
            frame = av.VideoFrame.from_ndarray(picture(seconds), format="rgb24")
            frame.pts, frame.time_base = round(seconds * 90000), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def ends_of(name: str) -> dict[float, float]:
    """Until when a film shows the pictures of each tenth of a second at which one begins, by that tenth.

    Empty for the long film, which shows each picture for a tenth.
    """
    times = next((film.times for film in films(0) if film.name == name and film.times), [])
    return {round(start, 1): later for start, later in zip(times, [*times[1:], *times[-1:]], strict=True)}
