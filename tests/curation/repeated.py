"""Videos that are unlike each other, as the watch over repetitions compares them."""

from __future__ import annotations

import random

from curation.binding.repeats import Observation, observe
from schemas.records import Sample
from tests.curation.samples import make_sample, sha

ONIONS = "A man chops onions. He fries them in a pan."
_WORDS = [
    f"{start}{end}"
    for start in ("ba", "di", "fo", "gu", "ke", "lo", "mi", "nu")
    for end in ("rt", "lp", "nk", "mb", "st")
]


def words(seed: object, count: int = 8) -> str:
    """A sentence of invented words."""
    return " ".join(random.Random(f"words {seed}").choices(_WORDS, k=count))


def unlike_sample(
    name: str,
    *,
    summary: str | None = None,
    choice: tuple[int, ...] = (0, 3, 9),
    frames: int = 12,
    captioned: str | None = None,
    pictures: str | None = None,
) -> Sample:
    """A sample whose captions, pictures and summary are like those of no other name, except for what is given."""
    captions = (captioned,) if captioned is not None else tuple(words(f"{name} {n}") for n in range(3))
    sentences = None if summary is None else (summary,) * len(choice)
    made = make_sample(name, frames, choice, captions=captions, sentences=sentences)
    hashes = [sha(f"{pictures or name} {n}")[:16] for n in range(frames)]
    seen_frames = tuple(f.model_copy(update={"phash": h}) for f, h in zip(made.frames.frames, hashes, strict=True))
    whole = made.summary if summary is None else made.summary.model_copy(update={"v2t": summary})
    return made.model_copy(update={"frames": made.frames.model_copy(update={"frames": seen_frames}), "summary": whole})


def seen(
    number: int,
    *,
    summary: str | None = None,
    choice: tuple[int, ...] = (),
    frames: int = 60,
    captioned: str | None = None,
    pictures: str | None = None,
) -> Observation:
    """The observation of a video that is unlike every other number; so is its choice, when none is given."""
    own = tuple(sorted(random.Random(f"choice {number}").sample(range(1, 59), 7)))
    plain = unlike_sample(f"v{number}", summary=summary, captioned=captioned, pictures=pictures)
    found = observe(plain.video.id, plain.frames, plain.captions, plain.extract, plain.summary)
    return found._replace(choice=choice or own, frames=frames)
