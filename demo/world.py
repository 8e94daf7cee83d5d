"""The scripted world: what happens in each second of a demo video, and the truth about it.

A script is a row of stretches. In a stretch either nothing happens (objects rest) or exactly one event is under way.
The rule of importance: a sampled second matters if and only if an event is under way in it. Events and cuts begin and
end at half seconds, so that every sample at 1 frame a second (t = 0, 1, 2, ...) lies clearly inside or outside.
Events that are said and not shown are put into a finished script by demo/spoken.py.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

Kind = Literal["appears", "leaves", "moves left", "moves right", "moves up", "moves down", "grows", "sign"]

KINDS: tuple[Kind, ...] = get_args(Kind)
COLOURS = ("red", "green", "blue", "yellow", "white", "black")
SHAPES = ("circle", "square", "triangle", "star", "cross")
PLACES = ("gray room", "pink hall", "brown barn", "teal pool", "violet stage")
COLUMNS = ("on the left", "in the middle", "on the right")
WORDS = ("EXIT", "STOP", "MENU", "HELP", "SALE", "TAXI", "CAFE", "WOW")
EMPTY = "Nothing is here"

MINIMUM_SECONDS, MAXIMUM_SECONDS = 40, 120
MOST_OBJECTS = 2
_SIGN_SHARE = 0.12
_EVENT_CLAUSE = re.compile(r"\b(?:appears|leaves|grows|moves (?:left|right|up|down)|sign reads)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Thing:
    """An object: one colour and one shape."""

    colour: str
    shape: str

    def __str__(self) -> str:
        """Name it as captions do, without an article."""
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True)
class Pose:
    """Where a thing is: column 0..2 from the left, level 0 (low) or 1 (high), and whether it has grown."""

    thing: Thing
    column: int
    level: int
    grown: bool = False


@dataclass(frozen=True)
class Event:
    """An event from `start` to `end` (seconds, both at half seconds); a sign has a word and no poses."""

    kind: Kind
    start: float
    end: float
    before: Pose | None = None
    after: Pose | None = None
    word: str | None = None

    @property
    def thing(self) -> Thing | None:
        """The acting object; None for a sign."""
        pose = self.before or self.after
        return pose.thing if pose else None

    @property
    def seconds(self) -> tuple[int, ...]:
        """The sampled seconds (1 frame a second) in which the event is under way."""
        return tuple(range(int(self.start + 0.5), int(self.end + 0.5)))

    @property
    def clause(self) -> str:
        """What happens, without place and full stop, such as `A red circle moves left`."""
        return f'A sign reads "{self.word}"' if self.kind == "sign" else f"A {self.thing} {self.kind}"

    @property
    def sentence(self) -> str:
        """The refined sentence, such as `A red circle moves left.`."""
        return self.clause + "."


@dataclass(frozen=True)
class Stretch:
    """A part of a script, from `start` to `end` (seconds), with a place, resting objects and at most one event.

    An event in `said` is told by a narrator (demo/spoken.py): no picture and no caption has it.
    """

    start: float
    end: float
    place: str
    resting: tuple[Pose, ...]
    event: Event | None = None
    said: Event | None = None

    @property
    def caption(self) -> str:
        """The exact caption of every frame in this stretch; the acting object comes first."""
        clauses = [f"a {pose.thing} rests {COLUMNS[pose.column]}" for pose in self.resting]
        if self.event is not None:
            clauses = [self.event.clause] if self.event.kind == "sign" else [self.event.clause, *clauses]
        text = ", ".join(clauses or [EMPTY])
        return f"{text[0].upper()}{text[1:]}, {self.place}."


@dataclass(frozen=True)
class SpokenLine:
    """What a narrator says from `start` to `end` (seconds)."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Script:
    """A whole video: `duration` in seconds, stretches that cover it without gaps, and what a narrator says."""

    seed: int
    duration: int
    stretches: tuple[Stretch, ...]
    lines: tuple[SpokenLine, ...] = ()

    def at(self, time: float) -> Stretch:
        """Return the stretch at `time` (seconds); times past the end belong to the last stretch."""
        return next((stretch for stretch in self.stretches if time < stretch.end), self.stretches[-1])

    @property
    def captions(self) -> tuple[str, ...]:
        """The true caption of every sampled second; index = second."""
        return tuple(self.at(second).caption for second in range(self.duration))

    @property
    def events(self) -> tuple[Event, ...]:
        """All events in order of time, shown or said; no two of a script have the same sentence."""
        found = (stretch.event or stretch.said for stretch in self.stretches)
        return tuple(event for event in found if event is not None)

    @property
    def keyframes(self) -> tuple[int, ...]:
        """The sampled seconds that matter, ascending."""
        return tuple(second for event in self.events for second in event.seconds)


def names_event(text: str, event: Event) -> bool:
    """Tell whether `text` names the event: object and action (or sign and word), whatever the case and punctuation."""
    return f" {_plain(event.clause)} " in f" {_plain(text)} "


def shows_event(caption: str) -> bool:
    """Tell whether a caption says that something happens; the summarizer learns this rule."""
    return _EVENT_CLAUSE.search(caption) is not None


def refined(caption: str) -> str:
    """Shorten a caption to its first clause, which names the event: `A red circle moves left.`."""
    return caption.split(",")[0].rstrip(". ") + "."


def make_script(seed: int, duration: int | None = None) -> Script:
    """Write the script of a seed. `duration` is in whole seconds (40 to 120); without it the seed decides.

    Raises ValueError for another duration.
    """
    rng = random.Random(f"script {seed}")
    drawn = rng.randint(MINIMUM_SECONDS, MAXIMUM_SECONDS)
    duration = drawn if duration is None else duration
    if not MINIMUM_SECONDS <= duration <= MAXIMUM_SECONDS:
        raise ValueError(f"duration {duration} is not within {MINIMUM_SECONDS}..{MAXIMUM_SECONDS} seconds")
    lengths = _event_lengths(rng, round(duration * rng.uniform(0.12, 0.20)))
    gaps = _gaps(rng, duration - sum(lengths), len(lengths) + 1)
    # A cut falls into the gap before an event; the first event belongs to the first scene.
    cuts = set(rng.sample(range(1, len(lengths)), min(len(lengths) - 1, 1 + duration // 40)))
    return Script(seed, duration, tuple(_stretches(rng, duration, lengths, gaps, cuts)))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def _event_lengths(rng: random.Random, total: int) -> list[int]:
    lengths: list[int] = []
    while (left := total - sum(lengths)) > 0:
        lengths.append(min(left, rng.choice((1, 2, 2, 3))))
    return lengths


def _gaps(rng: random.Random, total: int, count: int) -> list[int]:
    """Share `total` quiet seconds among `count` gaps of at least 2 seconds, most of them in a few long stretches."""
    gaps = [2] * count
    weights = [rng.random() ** 3 for _ in range(count)]
    for index in rng.choices(range(count), weights, k=total - 2 * count):
        gaps[index] += 1
    return gaps


def _stretches(
    rng: random.Random, duration: int, lengths: Sequence[int], gaps: Sequence[int], cuts: set[int]
) -> list[Stretch]:
    place = rng.choice(PLACES)
    poses = first_poses(rng)
    stretches: list[Stretch] = []
    used: set[str] = set()
    clock = 0.0  # the start of the stretch being written
    second = 0  # the first sampled second after the events written so far
    for index, length in enumerate(lengths):
        event_start = second + gaps[index] - 0.5
        if index in cuts:
            cut = second + rng.randint(1, gaps[index] - 1) - 0.5
            stretches.append(Stretch(clock, cut, place, poses))
            clock, place, poses = cut, rng.choice([other for other in PLACES if other != place]), first_poses(rng)
        stretches.append(Stretch(clock, event_start, place, poses))
        clock = event_start + length
        event = _next_event(rng, poses, used, event_start, clock)
        used.add(event.sentence)
        others = tuple(pose for pose in poses if pose is not event.before)
        stretches.append(Stretch(event_start, clock, place, poses if event.kind == "sign" else others, event))
        if event.kind != "sign":
            poses = _sorted((*others, event.after) if event.after else others)
        second += gaps[index] + length
    stretches.append(Stretch(clock, float(duration), place, poses))
    return stretches


def _sorted(poses: Sequence[Pose]) -> tuple[Pose, ...]:
    return tuple(sorted(poses, key=lambda pose: pose.column))


def first_poses(rng: random.Random) -> tuple[Pose, ...]:
    """Draw the objects, none to two, that rest where a scene begins."""
    count = rng.choice((0, 1, 1, 1, 2, 2, 2, 2))
    colours, columns = rng.sample(COLOURS, count), rng.sample(range(len(COLUMNS)), count)
    return _sorted(
        [
            Pose(Thing(colour, rng.choice(SHAPES)), column, rng.randrange(2))
            for colour, column in zip(colours, columns, strict=True)
        ]
    )


def _next_event(rng: random.Random, poses: tuple[Pose, ...], used: set[str], start: float, end: float) -> Event:
    """Draw an event that is possible now and that this script has not used yet."""
    while True:
        if rng.random() < _SIGN_SHARE:
            event = Event("sign", start, end, word=rng.choice(WORDS))
        else:
            changes = _possible(rng, poses)
            kind = rng.choice(sorted({kind for kind, _, _ in changes}))
            before, after = rng.choice([change[1:] for change in changes if change[0] == kind])
            event = Event(kind, start, end, before, after)
        if event.sentence not in used:
            return event


def _possible(rng: random.Random, poses: tuple[Pose, ...]) -> list[tuple[Kind, Pose | None, Pose | None]]:
    taken = {pose.column for pose in poses}
    changes: list[tuple[Kind, Pose | None, Pose | None]] = []
    if len(poses) < MOST_OBJECTS:
        colour = rng.choice([colour for colour in COLOURS if colour not in {pose.thing.colour for pose in poses}])
        column = rng.choice([column for column in range(len(COLUMNS)) if column not in taken])
        changes.append(("appears", None, Pose(Thing(colour, rng.choice(SHAPES)), column, rng.randrange(2))))
    for pose in poses:
        changes.append(("leaves", pose, None))
        changes.append(("moves down" if pose.level else "moves up", pose, replace(pose, level=1 - pose.level)))
        if pose.column > 0 and pose.column - 1 not in taken:
            changes.append(("moves left", pose, replace(pose, column=pose.column - 1)))
        if pose.column < len(COLUMNS) - 1 and pose.column + 1 not in taken:
            changes.append(("moves right", pose, replace(pose, column=pose.column + 1)))
        if not pose.grown:
            changes.append(("grows", pose, replace(pose, grown=True)))
    return changes
