"""Small videos that show the time of every frame as a barcode, so that any decoder can be checked.

The time in milliseconds is drawn as 20 bits, 10 columns by 2 rows of black and white blocks in the top sixth of the
picture. Below is a scene that changes colours at its cuts and moves between them.
"""

import random
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from curation.video.encode import own_schedule

BITS, COLUMNS = 20, 10
X264 = {"preset": "veryfast", "crf": "20", "bf": "3", "g": "60"}


class Clip(NamedTuple):
    """A video, the times (ms) drawn into its frames, and their times (s) as the container stores them."""

    path: Path
    times: list[int]
    exact: list[Fraction]


def expected(clip: Clip, fps: float = 1.0) -> list[int]:
    """The rule in its plain form: for k = 0, 1, 2 ... the last frame with time <= first + k / fps."""
    found, times = [], clip.exact
    while times[0] + len(found) / Fraction(fps) <= times[-1]:
        until = times[0] + len(found) / Fraction(fps)
        found.append(max(ms for ms, time in zip(clip.times, times, strict=True) if time <= until))
    return found


def draw(image: np.ndarray, ms: int) -> np.ndarray:
    height, width = image.shape[:2]
    block, row = width // COLUMNS, height // 12
    for bit in range(BITS):
        y, x = divmod(bit, COLUMNS)
        image[y * row : (y + 1) * row, x * block : (x + 1) * block] = 235 if ms >> bit & 1 else 20
    return image


def read(image: np.ndarray) -> int:
    """The time in ms that a picture shows, at any size of the picture."""
    height, width = image.shape[:2]
    ms = 0
    for bit in range(BITS):
        y, x = divmod(bit, COLUMNS)
        top, left = int((y + 0.3) * height / 12), int((x + 0.3) * width / COLUMNS)
        patch = image[
            top : max(int((y + 0.7) * height / 12), top + 1), left : left + max(int(0.4 * width / COLUMNS), 1)
        ]
        ms |= (patch.mean() > 127) << bit
    return ms


def scene(width: int, height: int, ms: int, cuts: tuple[int, ...] = ()) -> np.ndarray:
    """A gradient in the colours of its shot, with a square that moves and a little noise."""
    shot = sum(ms >= cut for cut in cuts)
    dice = np.random.default_rng(shot)
    low, high = dice.integers(20, 120, 3), dice.integers(120, 240, 3)
    across = np.linspace(0, 1, width)[None, :, None] * np.ones((height, 1, 1))
    image = (low + (high - low) * across).astype(np.uint8)
    side, x = height // 5, ms // 12 % width
    image[height // 2 : height // 2 + side, x : x + side] = dice.integers(0, 255, 3)
    image += np.random.default_rng(ms).integers(0, 4, image.shape, dtype=np.uint8)
    return image


def make(
    path: Path,
    times: list[Fraction],
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    *,
    size: tuple[int, int] = (160, 120),
    rotation: int = 0,
    start: float = 0.0,
    audio: bool = False,
    cuts: tuple[int, ...] = (),
    mux: dict[str, str] | None = None,
    ticks: int = 90000,
) -> Clip:
    """Encode one picture at each time (seconds), shifted by `start`; `rotation` goes into the display matrix,
    `ticks` a second is the codec's time base."""
    drawn, kept = [], 1000 if path.suffix in (".mkv", ".webm") else ticks
    with own_schedule(), av.open(str(path), "w", options=mux or {}) as container:
        stream = container.add_stream(codec, rate=30, options=X264 if options is None else options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, ticks)
        stream.codec_context.thread_count = 1
        if rotation:
            stream.set_display_rotation(rotation)
        sound = container.add_stream("aac", rate=48000, layout="mono") if audio else None
        for time in times:
            ms = round((time + Fraction(start)) * 1000)
            drawn.append(ms)
            frame = av.VideoFrame.from_ndarray(draw(scene(*size, ms, cuts), ms), format="rgb24")
            frame.pts, frame.time_base = round((time + Fraction(start)) * ticks), Fraction(1, ticks)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            _silence(container, sound, float(times[-1]))
    return Clip(path, drawn, [Fraction(round((time + Fraction(start)) * kept), kept) for time in times])


def make_sound(path: Path, seconds: float) -> Path:
    """A file with a sound track only."""
    with av.open(str(path), "w") as container:
        _silence(container, container.add_stream("aac", rate=48000, layout="mono"), seconds)
    return path


def _silence(container, sound, seconds: float) -> None:
    for number in range(int(seconds * 48000) // 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, number * 1024
        container.mux(sound.encode(frame))
    container.mux(sound.encode(None))


def steady(fps: Fraction | int, seconds: float) -> list[Fraction]:
    return [Fraction(number) / fps for number in range(round(seconds * fps))]


def variable(seconds: float, seed: int = 7) -> list[Fraction]:
    """Times with the rates of several cameras, and pauses of up to two and a half seconds."""
    dice = random.Random(seed)
    times = [Fraction(0)]
    while times[-1] < seconds:
        pause = dice.random() > 0.96
        step = Fraction(dice.randrange(500, 2500), 1000) if pause else Fraction(1, dice.choice([60, 30, 24, 10]))
        times.append(times[-1] + step)
    return times
