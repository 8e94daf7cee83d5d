"""How often the watch over repetitions rings without a fault, on honest choices and summaries, and with one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.audit_study.texts import Text
from curation.binding.repeats import LATEST, Observation, Repeats, word_triples
from curation.binding.window import Alarm
from demo.world import make_script
from schemas.configuration.config import BindingConfig
from schemas.kit.content_words import content_words
from schemas.time import FrameIndex

Choice = tuple[int, tuple[int, ...]]
ORDERS, VIDEOS = 40, 1000


class Rings(NamedTuple):
    """Of `orders` random orders of the videos (`videos` of them each) `rang` raised an alarm.

    `first`: after how many videos the median alarm came; None: there was none.
    """

    orders: int
    videos: int
    rang: int
    first: int | None


def choice_families(people: Sequence[Choice], model: Sequence[Choice], seed: int = 0) -> dict[str, list[Choice]]:
    """Honest choices of many kinds, and two faults; the names of faults begin with `fault`."""
    rng = random.Random(f"choices {seed}")
    lengths = [rng.randint(5, 300) for _ in range(2000)]
    families: dict[str, list[Choice]] = {}
    if people:
        families["middles of the windows that people marked (ActivityNet)"] = list(people)
    if model:
        families["V2Xum-LLaMA's choices, places of 100"] = list(model)
    scripts = [make_script(number) for number in range(2000)]
    families["the demo's events"] = [(script.duration, tuple(script.keyframes)) for script in scripts]
    families["the first frame"] = [(frames, (0,)) for frames in lengths]
    families["the first and the last frame"] = [(frames, (0, frames - 1)) for frames in lengths]
    families["all frames, 3 to 12 s"] = [(n, tuple(range(n))) for n in (rng.randint(3, 12) for _ in lengths)]
    for frames in (3, 5, 8, 15):
        count = max(1, round(0.1639 * frames))
        families[f"{count} at random of {frames} s"] = [
            (frames, tuple(sorted(rng.sample(range(frames), count)))) for _ in lengths
        ]
    families["about the middle of 10 s (normal, 1 s)"] = [
        (10, (min(9, max(0, round(rng.gauss(5, 1)))),)) for _ in lengths
    ]
    long = [rng.randint(43, 300) for _ in range(2000)]
    families["fault: always 3, 17 and 42 s"] = [(frames, (3, 17, 42)) for frames in long]
    families["fault: always 25, 50 and 75 %"] = [
        (frames, tuple(round((frames - 1) * part) for part in (0.25, 0.5, 0.75))) for frames in long
    ]
    return families


def choice_rings(choices: Sequence[Choice], orders: int = ORDERS) -> Rings:
    """The alarms over choices; every video is unlike every other."""
    return _rings([_observed(n, choice, frames) for n, (frames, choice) in enumerate(choices)], orders)


def summary_rings(texts: Sequence[Text], orders: int = ORDERS) -> Rings:
    """The alarms over summaries, with the captions that they cite; the choices are all unlike."""
    seen = []
    for number, text in enumerate(texts):
        said = " ".join(sentence for sentence, _ in text.sentences)
        captions = content_words(" ".join(caption for _, cited in text.sentences for caption in cited))
        seen.append(
            _observed(number, (), 100)._replace(
                summary=said, words=content_words(said), triples=word_triples(said), captioned=captions
            )
        )
    return _rings(seen, orders)


def _rings(seen: Sequence[Observation], orders: int) -> Rings:
    config = BindingConfig()
    count = min(VIDEOS, len(seen))
    firsts = []
    for order in range(orders):
        window = Repeats(config)
        for number, one in enumerate(random.Random(order).sample(seen, count), start=1):
            alarm: Alarm | None = window.add(one)
            if alarm is not None:
                firsts.append(number)
                break
    return Rings(orders, count, len(firsts), sorted(firsts)[len(firsts) // 2] if firsts else None)


def _observed(number: int, choice: tuple[int, ...], frames: int) -> Observation:
    """A video with a name, a picture and captions of its own, and no words in common with another."""
    hashes = (f"{random.Random(number).getrandbits(64):016x}",)
    own = frozenset([f"video {number}"])
    triple = frozenset([hash(("video", number))])
    indices = tuple(map(FrameIndex, choice))
    return Observation(f"v{number}", f"video {number}", indices, frames, 1.0, hashes, own, own, triple)


__all__ = ["LATEST", "Rings", "choice_families", "choice_rings", "summary_rings"]
