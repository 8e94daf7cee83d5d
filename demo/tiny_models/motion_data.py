"""Training data of captioners for films without marks: seconds that follow one another, alone or in clips.

Both captioners learn from the same windows. One is asked about each picture alone, the other about clips, as
curation/text/clips.py asks. A share of the windows are single pictures of marked scripts, as the demo's canaries are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from demo.render import draw
from demo.tiny_models.caption_data import (
    FIRST_HELD_OUT_SEED,
    SIDE,
    SLOT_SIZES,
    compressed,
    slot_classes,
    squared,
)
from demo.tiny_models.summary_data import compact
from demo.tiny_models.tokenizer import prompt_text
from demo.world import Script, make_script

Unit = Literal["frame", "clip"]
WINDOW = 8  # seconds
CLIP_SIZES = (1, 2, 4, 8)  # how many pictures of a request get a caption
PROMPTS: dict[Unit, str] = {"frame": "caption-tiny.v1", "clip": "caption-clip-tiny.v1"}
_LONE, _WINDOWS_A_SCRIPT = 1 / 8, 3
SHARD_WINDOWS, SHARD_PASSES = 256, 4


@dataclass(frozen=True)
class Windows:
    """n windows of WINDOW seconds each.

    `pixels` (n, WINDOW + 1, 64, 64, 3) uint8 begins with the second before; `slots` (n, WINDOW, 10) int64;
    `captions[i][j]`; `starts[i]`, the first second, which has none before where it is 0; `lone[i]`: the pictures have
    nothing to do with one another.
    """

    pixels: NDArray[np.uint8]
    slots: NDArray[np.int64]
    captions: tuple[tuple[str, ...], ...]
    starts: tuple[int, ...]
    lone: tuple[bool, ...]


class Asked(NamedTuple):
    """One request about a window: what is shown, and the right answer.

    `shown` are places in the window's pixels; the last `len(slots)` of them get a caption. `names` stand before them.
    """

    shown: tuple[int, ...]
    names: tuple[str, ...]
    answer: str
    slots: NDArray[np.int64]


def make_windows(index: int, count: int, *, held_out: bool = False) -> Windows:
    """Draw `count` windows; the same arguments give the same pixels. About half of the windows hold an event."""
    rng = random.Random(f"windows {index}")
    pixels = np.zeros((count, WINDOW + 1, SIDE, SIDE, 3), dtype=np.uint8)
    slots = np.empty((count, WINDOW, len(SLOT_SIZES)), dtype=np.int64)
    captions: list[tuple[str, ...]] = []
    starts: list[int] = []
    lone: list[bool] = []
    while len(captions) < count:
        script = _script(rng, held_out)
        for _ in range(min(_WINDOWS_A_SCRIPT, count - len(captions))):
            at = len(captions)
            alone = rng.random() < _LONE
            if alone:
                others = [_script(rng, held_out) for _ in range(WINDOW)]
                moments = [(other, rng.choice((*other.keyframes, rng.randrange(other.duration)))) for other in others]
                start = 0
            else:
                start = _start(rng, script)
                moments = [(script, second) for second in range(start, start + WINDOW)]
                if start:
                    pixels[at, 0] = squared(compressed(draw(script, start - 1, marks=False), rng))
            for place, (one, second) in enumerate(moments):
                pixels[at, place + 1] = squared(compressed(draw(one, second, marks=alone), rng))
                slots[at, place] = slot_classes(one.at(second))
            captions.append(tuple(one.at(second).caption for one, second in moments))
            starts.append(start)
            lone.append(alone)
    return Windows(pixels, slots, tuple(captions), tuple(starts), tuple(lone))


def asked(windows: Windows, window: int, unit: Unit, size: int) -> list[Asked]:
    """The requests about a window: one for every `size` pictures (1, 2, 4 or 8), for frames one a picture."""
    size = 1 if unit == "frame" else size
    made: list[Asked] = []
    for first in range(0, WINDOW, size):
        places = [*range(first, first + size)]
        answers, slots = windows.captions[window][first : first + size], windows.slots[window, places]
        if unit == "frame":
            made.append(Asked((first + 1,), (), answers[0], slots))
            continue
        alone = windows.lone[window]
        zero = first if alone else -windows.starts[window]  # its picture is that of second 0
        keys = [str(place - zero) for place in places]
        names, shown = [f"[{key}]" for key in keys], places
        if not alone and first - 1 >= zero:
            names, shown = [f"[{first - 1 - zero}] (shown before)", *names], [first - 1, *shown]
        answer = compact(dict(zip(keys, answers, strict=True)))
        made.append(Asked(tuple(place + 1 for place in shown), tuple(names), answer, slots))
    return made


def message(one: Asked, unit: Unit) -> list[dict[str, str]]:
    """The content of the user's message, as models/local/chat_model.py has it."""
    content = [{"type": "text", "text": prompt_text(PROMPTS[unit])}]
    for name in one.names:
        content += [{"type": "text", "text": name}, {"type": "image"}]
    return content if one.names else [*content, {"type": "image"}]


def shards(pool: ProcessPoolExecutor) -> Iterator[Windows]:
    """Shards of windows without end; while one is in use, the pool draws the next."""
    index = 0
    coming = pool.submit(make_windows, index, SHARD_WINDOWS)
    while True:
        shard = coming.result()
        index += 1
        coming = pool.submit(make_windows, index, SHARD_WINDOWS)
        yield shard


def _script(rng: random.Random, held_out: bool) -> Script:
    return make_script(rng.randrange(FIRST_HELD_OUT_SEED) + (FIRST_HELD_OUT_SEED if held_out else 0))


def _start(rng: random.Random, script: Script) -> int:
    """A first second; every other window has an event somewhere, at the latest in its last second."""
    last = script.duration - WINDOW
    if rng.random() < 0.5:
        return rng.randint(0, last)
    return max(0, min(last, rng.choice(script.keyframes) - rng.randrange(WINDOW)))
