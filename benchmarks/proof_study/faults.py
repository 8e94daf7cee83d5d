"""Plants faults of models into the finished samples of a workspace, as if the models had answered so."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from curation.ledger.entries import record_entry
from curation.ledger.samples import samples_of
from curation.ledger.stages import STAGES
from curation.ledger.standing import standing
from curation.pipeline.services import Services
from demo.gold.answers import Point
from demo.truth import Known
from demo.world import KINDS as EVENTS
from demo.world import Kind
from schemas.records import Sample, Sentence
from schemas.time import FrameIndex

KINDS = ("shifted", "dropped", "added", "swapped")
SHIFTS = (-4, -3, -2, 2, 3, 4)
RANDOM_RATE, HABIT_RATE, BLIND = 0.3, 0.7, 4


class Model(NamedTuple):
    """A faulty model: the chance of each kind of fault in a row, the shifts that it makes, what it never sees.

    `blind`: the kinds of events whose sentences it drops; None: any half of them.
    """

    rates: Mapping[str, float]
    shifts: Sequence[int]
    blind: frozenset[Kind] | None = None


def random_faults(seed: int) -> Model:
    """A model whose faults differ from row to row. It is the same for all seeds."""
    return Model(dict.fromkeys(KINDS, RANDOM_RATE), SHIFTS)


def habits(seed: int) -> Model:
    """A model that makes the same faults in most rows: one shift, and four kinds of events that it does not see."""
    rng = random.Random(f"habits {seed}")
    rates = {"shifted": HABIT_RATE, "dropped": HABIT_RATE, "added": 0.0, "swapped": 0.0}
    return Model(rates, [rng.choice(SHIFTS)], frozenset(rng.sample(EVENTS, BLIND)))


def points_of(sample: Sample) -> list[Point]:
    """The sentences of a sample with the frames that they cite."""
    place = {frame.time: FrameIndex(frame.index) for frame in sample.frames.frames}
    return [Point(tuple(place[time] for time in each.times), each.text) for each in sample.summary.v2vt]


def faulty(points: Sequence[Point], known: Known, rng: random.Random, model: Model) -> tuple[list[Point], list[str]]:
    """The sentences as the model has them, and the kinds of faults among them.

    `shifted`: all citations lie 2 to 4 frames too early or too late. `dropped`: sentences are missing, with their
    keyframes; one stays. `added`: every sentence cites one more frame, in which nothing happens. `swapped`: each
    sentence stands at the keyframes of another one.
    """
    made, kinds = list(points), [kind for kind in KINDS if rng.random() < model.rates[kind]]
    busy = set(known.script.keyframes)
    if "dropped" in kinds:
        blind = model.blind
        if blind is None:
            made = sorted(rng.sample(made, -(-len(made) // 2)))
        else:
            made = [point for point in made if not blind & _events(point, known)] or made[:1]
    if "swapped" in kinds:
        texts = [point.text for point in made]
        made = [point._replace(text=text) for point, text in zip(made, [*texts[1:], texts[0]], strict=True)]
    if "shifted" in kinds:
        shift, last = rng.choice(model.shifts), known.frames - 1
        made = [
            point._replace(frames=tuple(sorted({FrameIndex(min(max(i + shift, 0), last)) for i in point.frames})))
            for point in made
        ]
    if "added" in kinds:
        quiet = sorted(set(range(known.frames)) - busy - {index for point in made for index in point.frames})
        more = rng.sample(quiet, len(made))
        made = [
            point._replace(frames=tuple(sorted((*point.frames, FrameIndex(index)))))
            for point, index in zip(made, more, strict=True)
        ]
    return sorted(made), kinds


def _events(point: Point, known: Known) -> set[Kind]:
    """The kinds of the events in the frames that a sentence cites."""
    return {event.kind for event in known.script.events if set(event.seconds) & set(point.frames)}


def plant(services: Services, known: Mapping[str, Known], rng: random.Random, model: Model) -> dict[str, list[str]]:
    """Write faulty results of `extract` and `refine` into the ledger for the videos of `known`; their audit is due.

    Returns the kinds of faults by video.
    """
    planted = {}
    for sample in list(samples_of(services.ledger, sorted(known))):
        made, planted[sample.video.id] = faulty(points_of(sample), known[sample.video.id], rng, model)
        if planted[sample.video.id]:
            _write(services, with_points(sample, made))
    return planted


def with_points(sample: Sample, points: Sequence[Point]) -> Sample:
    """The sample as it would be if the models had written these sentences."""
    frames = sample.frames.frames
    chosen = tuple(sorted({index for point in points for index in point.frames}))
    times = tuple(frames[index].time for index in chosen)
    extract = {"keyframes": chosen, "times": times, "ratio": len(chosen) / len(frames)}
    summary = {
        "v2v": times,
        "v2t": " ".join(point.text for point in points),
        "v2vt": tuple(
            Sentence(times=tuple(frames[index].time for index in point.frames), text=point.text) for point in points
        ),
        "merged": (),
    }
    parts = {
        "extract": sample.extract.model_copy(update=extract),
        "summary": sample.summary.model_copy(update=summary),
    }
    return sample.model_copy(update=parts)


def _write(services: Services, sample: Sample) -> None:
    ledger = services.ledger
    (source,) = ledger.sources([sample.video.id])
    for stage, record in (("extract", sample.extract), ("refine", sample.summary)):
        ledger.forget(source.id, stage)
        where = standing(source, ledger.heads([source.id])[source.id], services.hashes)
        ledger.write(record_entry(source.id, stage, where.fingerprints.done, record, 0.0), STAGES.later(stage))
