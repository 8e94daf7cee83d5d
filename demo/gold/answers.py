"""Writes the captions and summary of a gold question from its script: all true, or with one planted error.

Nobody who looks can overlook a planted error. It is an object of another colour *and* another shape, another word on a
sign, or a keyframe at a moment when nothing happens instead of at an event.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, get_args

from demo.world import COLOURS, SHAPES, WORDS, Event, Pose, Script, Stretch, Thing
from schemas.gold import Kind, Planted
from schemas.records import FrameSet
from schemas.time import FrameIndex, Seconds

KINDS: tuple[Kind, ...] = get_args(Kind)


class Point(NamedTuple):
    """A sentence of a summary and the sampled frames that show it, ascending."""

    frames: tuple[FrameIndex, ...]
    text: str


class Texts(NamedTuple):
    """The texts about a video: a caption of every sampled frame, and the summary's sentences in the order of time."""

    captions: tuple[str, ...]
    points: tuple[Point, ...]

    @property
    def keyframes(self) -> tuple[FrameIndex, ...]:
        """The frames that the summary cites, ascending."""
        return tuple(sorted({index for point in self.points for index in point.frames}))


def truth(script: Script, frames: FrameSet) -> Texts:
    """The true texts of a script's video: one sentence for each event, citing the frames nearest to its whole seconds.

    Raises ValueError when an event lies between two sampled frames.
    """
    shown = _shown(script, frames)
    points = []
    for event in script.events:
        inside = [index for index, stretch in enumerate(shown) if stretch.event is event]
        if not inside:
            raise ValueError(f"at {frames.fps:g} frames a second no frame shows the event at {event.start:g} s")
        nearest = {min(inside, key=lambda i: abs(frames.frames[i].time - second)) for second in event.seconds}
        points.append(Point(tuple(FrameIndex(index) for index in sorted(nearest)), event.sentence))
    return Texts(tuple(stretch.caption for stretch in shown), tuple(points))


def plant(script: Script, frames: FrameSet, kind: Kind, rng: random.Random) -> tuple[Texts, Planted]:
    """The true texts with one error of this kind, and a record of the error. Raises ValueError as `truth`."""
    true = truth(script, frames)
    number = rng.randrange(len(true.points))
    point, event = true.points[number], script.events[number]
    if kind == "caption":
        index = rng.choice(point.frames)
        wrong = replace(_shown(script, frames)[index], event=_other(script, event, rng)).caption
        captions = (*true.captions[:index], wrong, *true.captions[index + 1 :])
        planted = Planted(kind=kind, time=frames.frames[index].time, true=true.captions[index], shown=wrong)
        return true._replace(captions=captions), planted
    if kind == "sentence":
        changed = point._replace(text=_other(script, event, rng).sentence)
        was, now = point.text, changed.text
    else:
        changed = point._replace(frames=(_quiet(script, frames, number),))
        was, now = _times(frames, point.frames), _times(frames, changed.frames)
    points = (*true.points[:number], changed, *true.points[number + 1 :])
    at = frames.frames[changed.frames[0]].time
    return true._replace(points=points), Planted(kind=kind, time=at, true=was, shown=now)


def _shown(script: Script, frames: FrameSet) -> list[Stretch]:
    """The stretch of the script that each frame shows."""
    start = frames.frames[0].pts
    return [script.at(round(frame.pts - start, 3)) for frame in frames.frames]


def _other(script: Script, event: Event, rng: random.Random) -> Event:
    """The same event with another word, or an object of another colour and shape; the script has neither anywhere."""
    if event.kind == "sign":
        present = {other.word for other in script.events}
        return replace(event, word=rng.choice([word for word in WORDS if word not in present]))
    seen = {pose.thing for stretch in script.stretches for pose in _poses(stretch)}
    acting = event.thing
    assert acting is not None
    things = [Thing(c, s) for c in COLOURS if c != acting.colour for s in SHAPES if s != acting.shape]
    thing = rng.choice([thing for thing in things if thing not in seen])
    before, after = (pose and replace(pose, thing=thing) for pose in (event.before, event.after))
    return replace(event, before=before, after=after)


def _poses(stretch: Stretch) -> list[Pose]:
    event = stretch.event
    acting = [pose for pose in (event.before, event.after) if pose is not None] if event is not None else []
    return [*stretch.resting, *acting]


def _quiet(script: Script, frames: FrameSet, number: int) -> FrameIndex:
    """The frame near event `number` in which nothing happens that is farthest from all frames of events.

    It lies after the event before and before the event after, so that the sentences stay in the order of time.
    """
    events = [stretch.event for stretch in _shown(script, frames)]
    busy = [index for index, event in enumerate(events) if event is not None]
    own = [index for index in busy if events[index] is script.events[number]]
    before = max((index for index in busy if index < own[0]), default=-1)
    after = min((index for index in busy if index > own[-1]), default=len(events))
    around = (index for index in range(before + 1, after) if events[index] is None)
    return FrameIndex(max(around, key=lambda i: (min(abs(i - other) for other in busy), -i)))


def _times(frames: FrameSet, indices: Sequence[FrameIndex]) -> str:
    return "".join(f"[{Seconds(frames.frames[index].time)}]" for index in indices)
