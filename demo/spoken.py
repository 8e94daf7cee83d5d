"""Scripts that are partly told: scenes in which a narrator speaks and the picture rests.

About half of the narrator's lines tell of an event: it is under way while the line is said, so its seconds matter, and
no picture shows it. The other lines tell of a thing that rests. No line tells of a thing that is in the picture. So
only who reads the lines knows which of these scenes matter.

A scene begins and ends with a cut, as films do that show another picture while somebody speaks. The pipeline offers one
second of each picture (curation/text/candidates.py), and without a cut the picture of a line would be one that was
offered long before.
"""

from __future__ import annotations

import html
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

from demo.world import (
    COLOURS,
    COLUMNS,
    KINDS,
    PLACES,
    SHAPES,
    Event,
    Pose,
    Script,
    SpokenLine,
    Stretch,
    Thing,
    first_poses,
)

EVENTFUL = 0.5  # the chance that a line tells of an event
_LENGTHS = (2, 3)  # seconds of a scene
_SCENES = 2  # at most so many times the number of the events that are shown
_KINDS = tuple(kind for kind in KINDS if kind != "sign")  # what can happen to a thing


def with_narrator(script: Script) -> Script:
    """The script with scenes in its quiet stretches in which a narrator speaks; the seed decides about all of them.

    What was shown stays as it was. Nothing is said of a script that has no room for a scene.
    """
    rng = random.Random(f"narrator {script.seed}")
    places = list(_places(rng, script))
    wanted = min(len(places), _SCENES * len(script.events))
    chosen = sorted(rng.sample(places, wanted))
    captions, sentences = set(script.captions), {event.sentence for event in script.events}
    scenes = [_scene(rng, script, first, length, captions, sentences) for first, length in chosen]
    return replace(
        script,
        stretches=tuple(part for stretch in script.stretches for part in _cut(stretch, [s for s, _ in scenes])),
        lines=tuple(line for _, line in scenes),
    )


def webvtt(lines: Iterable[SpokenLine]) -> str:
    """The lines as a WebVTT file, one cue each."""
    cues = (f"{_time(line.start)} --> {_time(line.end)}\n{html.escape(line.text, quote=False)}\n" for line in lines)
    return "\n".join(["WEBVTT\n", *cues])


def _time(seconds: float) -> str:
    whole, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(whole), 60)
    return f"{hours:02d}:{minutes:02d}:{rest:06.3f}"


def _places(rng: random.Random, script: Script) -> Iterator[tuple[int, int]]:
    """Where scenes could be: the first sampled second and the length of each, with a quiet second around each."""
    for stretch in script.stretches:
        if stretch.event is None:
            second, last = math.ceil(stretch.start) + 1, math.ceil(stretch.end) - 1
            while (length := rng.choice(_LENGTHS)) <= last - second:
                yield second, length
                second += length + 1 + rng.randrange(2)


def _scene(
    rng: random.Random, script: Script, first: int, length: int, captions: set[str], sentences: set[str]
) -> tuple[Stretch, SpokenLine]:
    """A scene and its line; both sets get what is new in it, so that none of them comes twice in a script."""
    around = script.at(first).place
    while True:
        place, resting = rng.choice([other for other in PLACES if other != around]), first_poses(rng)
        scene = Stretch(first - 0.5, first + length - 0.5, place, resting)
        # An empty picture is nothing but noise: it looks another one in every second, and would be offered each time.
        if resting and scene.caption not in captions:
            captions.add(scene.caption)
            break
    shown = {pose.thing.colour for pose in resting}
    eventful = rng.random() < EVENTFUL
    while True:
        thing = Thing(rng.choice([colour for colour in COLOURS if colour not in shown]), rng.choice(SHAPES))
        pose = Pose(thing, rng.randrange(len(COLUMNS)), rng.randrange(2))
        event = Event(rng.choice(_KINDS), scene.start, scene.end, before=pose)
        text = event.sentence if eventful else f"A {thing} rests {COLUMNS[pose.column]}."
        if text not in sentences:
            sentences.add(text)
            break
    line = SpokenLine(float(first), float(first + length - 1), text)
    return replace(scene, said=event if eventful else None), line


def _cut(stretch: Stretch, scenes: list[Stretch]) -> Iterator[Stretch]:
    """A stretch with the scenes that lie in it, in order of time."""
    clock = stretch.start
    for scene in scenes:
        if stretch.start < scene.start < stretch.end:
            yield replace(stretch, start=clock, end=scene.start)
            yield scene
            clock = scene.end
    yield replace(stretch, start=clock)
