"""Training data of the captioner: drawn frames as the real processor sees them, with captions and slot labels.

The frames come from scripts, at the sampled seconds. Each frame is drawn, softened, compressed as JPEG and made square
with the arithmetic of the Idefics3 processor: two Lanczos resizes, 320x240 to 64x48 to 64x64, in bytes.
"""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from demo.render import HEIGHT, WIDTH, draw
from demo.world import COLOURS, COLUMNS, KINDS, PLACES, SHAPES, WORDS, Pose, Stretch, Thing, make_script

SIDE = 64
FIRST_HELD_OUT_SEED = 10_000_000  # scripts from here on are never trained on

# The slots: place, action, then colour and shape of the acting object and of the object at rest in each column.
# Class 0 of colour, shape and action says "none"; a sign's word counts as an action.
SLOT_SIZES = (len(PLACES), len(KINDS) + len(WORDS), *(len(COLOURS) + 1, len(SHAPES) + 1) * (1 + len(COLUMNS)))
_FRAMES_A_SCRIPT = 8


@dataclass(frozen=True)
class Shard:
    """Frames as (n, 64, 64, 3) uint8, slot classes as (n, 10) int64 and n captions."""

    pixels: NDArray[np.uint8]
    slots: NDArray[np.int64]
    captions: tuple[str, ...]


def make_shard(index: int, count: int, *, held_out: bool = False) -> Shard:
    """Draw `count` frames, half of which show an event; the same arguments give the same shard."""
    rng = random.Random(f"shard {index}")
    pixels = np.empty((count, SIDE, SIDE, 3), dtype=np.uint8)
    slots = np.empty((count, len(SLOT_SIZES)), dtype=np.int64)
    captions: list[str] = []
    while len(captions) < count:
        script = make_script(rng.randrange(FIRST_HELD_OUT_SEED) + (FIRST_HELD_OUT_SEED if held_out else 0))
        eventful = rng.sample(script.keyframes, min(_FRAMES_A_SCRIPT // 2, len(script.keyframes)))
        for second in [*eventful, *rng.sample(range(script.duration), _FRAMES_A_SCRIPT // 2)][: count - len(captions)]:
            stretch = script.at(second)
            pixels[len(captions)] = squared(compressed(draw(script, second), rng))
            slots[len(captions)] = slot_classes(stretch)
            captions.append(stretch.caption)
    return Shard(pixels, slots, tuple(captions))


def squared(image: Image.Image) -> NDArray[np.uint8]:
    """Resize a 320x240 picture as the processor does, to (64, 64, 3) uint8."""
    narrow = image.resize((SIDE, SIDE * HEIGHT // WIDTH), Image.Resampling.LANCZOS)
    return np.asarray(narrow.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def slot_classes(stretch: Stretch) -> list[int]:
    """Return the class of every slot of SLOT_SIZES for a stretch. Objects behind a sign do not count."""
    event = stretch.event
    resting: Sequence[Pose] = stretch.resting
    action = 0
    if event is not None and event.kind == "sign":
        resting = ()
        action = len(KINDS) + WORDS.index(event.word or "")
    elif event is not None:
        action = 1 + KINDS.index(event.kind)
    classes = [PLACES.index(stretch.place), action, *_thing_classes(event.thing if event else None)]
    for column in range(len(COLUMNS)):
        classes += _thing_classes(next((pose.thing for pose in resting if pose.column == column), None))
    return classes


def _thing_classes(thing: Thing | None) -> tuple[int, int]:
    return (0, 0) if thing is None else (1 + COLOURS.index(thing.colour), 1 + SHAPES.index(thing.shape))


def compressed(image: Image.Image, rng: random.Random) -> Image.Image:
    """Imitate video and JPEG compression: a soft picture, coarse colours and block noise."""
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.BoxBlur(rng.choice((1, 1, 2))))
    store = io.BytesIO()
    image.save(store, "JPEG", quality=rng.randint(35, 95))
    return Image.open(store).convert("RGB")
