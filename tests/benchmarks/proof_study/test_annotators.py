"""Simulated people: without errors they mend every planted fault, by the rules of the review; with errors not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.proof_study.annotators import judged
from benchmarks.proof_study.faults import (
    KINDS,
    SHIFTS,
    Model,
    faulty,
    habits,
    points_of,
    random_faults,
    with_points,
)
from curation.review.rules import applied
from demo.gold.answers import Point
from demo.truth import Known
from demo.world import make_script
from schemas.configuration.review_config import ReviewConfig
from schemas.records import Rejection, Sample
from tests.curation.samples import make_sample

AT = "2026-01-01T12:00:00+00:00"
SEEDS = st.integers(0, 10_000)


def all_with(rate: float) -> Model:
    return Model(dict.fromkeys(KINDS, rate), SHIFTS)


def known_film(seed: int) -> Known:
    script = make_script(seed, 40)
    return Known(f"film{seed}", script, 40)


def true_points(known: Known) -> list[Point]:
    return [Point(tuple(event.seconds), event.sentence) for event in known.script.events]


def sample_of(known: Known, points: list[Point]) -> Sample:
    return with_points(make_sample(known.id, frames=known.frames), points)


@given(SEEDS, st.integers(0, 100))
def test_faultless_people_mend_every_fault(film: int, seed: int) -> None:
    known = known_film(film)
    points, _ = faulty(true_points(known), known, random.Random(seed), all_with(0.5))
    sample = sample_of(known, points)
    assert points_of(sample) == points
    made = applied(sample, [judged(sample, known, 0.0, random.Random(seed), AT)], ReviewConfig())
    assert isinstance(made, Sample) and made.review.status == ("accepted" if points == true_points(known) else "fixed")
    assert list(made.extract.keyframes) == known.keyframes
    assert points_of(made) == true_points(known)


@given(SEEDS)
def test_people_who_are_always_wrong_reject_what_is_right(film: int) -> None:
    known = known_film(film)
    sample = sample_of(known, true_points(known))
    assert isinstance(applied(sample, [judged(sample, known, 1.0, random.Random(0), AT)], ReviewConfig()), Rejection)


@given(SEEDS, SEEDS, st.sampled_from([0.1, 0.4, 0.8]))
def test_no_verdict_is_disputed_or_unclear(film: int, seed: int, errors: float) -> None:
    known = known_film(film)
    rng = random.Random(seed)
    sample = sample_of(known, faulty(true_points(known), known, rng, all_with(0.5))[0])
    verdict = judged(sample, known, errors, rng, AT)
    assert not verdict.problems and verdict.decision in ("accept", "fix", "reject")
    made = applied(sample, [verdict], ReviewConfig())
    assert isinstance(made, Rejection) == (verdict.decision == "reject")
    assert isinstance(made, Rejection) or made.review.status in ("accepted", "fixed")


def test_the_share_of_wrong_decisions_is_the_stated_one() -> None:
    rng, wrong, decisions = random.Random(1), 0, 0
    for film in range(60):
        known = known_film(film)
        verdict = judged(sample_of(known, true_points(known)), known, 0.2, rng, AT)
        wrong += sum(one.judged == "drop" for one in verdict.keyframes)
        decisions += len(verdict.keyframes)
    assert wrong / decisions == pytest.approx(0.2, abs=0.05) and decisions > 300


@given(SEEDS, SEEDS)
def test_faults_are_what_they_are_called(film: int, seed: int) -> None:
    known = known_film(film)
    true = true_points(known)
    assert faulty(true, known, random.Random(seed), all_with(0)) == (true, [])
    assert faulty(true, known, random.Random(seed), all_with(1))[1] == list(KINDS)
    points, kinds = faulty(true, known, random.Random(seed), random_faults(0))
    frames = {index for point in points for index in point.frames}
    assert all(0 <= index < known.frames for index in frames)
    if kinds == ["dropped"]:
        assert set(points) < set(true) and len(points) == -(-len(true) // 2)
    if kinds == ["added"]:
        assert len(frames - set(known.keyframes)) == len(true) and set(known.keyframes) < frames
    if kinds == ["swapped"]:
        assert [p.frames for p in points] == [p.frames for p in true]
        assert sorted(p.text for p in points) == sorted(p.text for p in true)
        assert all(new.text != old.text for new, old in zip(points, true, strict=True)) or len(true) == 1
    if kinds == ["shifted"]:
        assert len(points) == len(true) and frames != set(known.keyframes)


@given(SEEDS, SEEDS)
def test_habits_are_the_same_in_all_rows_of_a_seed(film: int, seed: int) -> None:
    known, model = known_film(film), habits(seed)
    assert model == habits(seed) and len(model.shifts) == 1 and model.blind is not None and len(model.blind) == 4
    true = true_points(known)
    points, kinds = faulty(true, known, random.Random(seed), model)
    assert set(kinds) <= {"shifted", "dropped"}
    if kinds == ["dropped"]:
        seen = [event.sentence for event in known.script.events if event.kind not in model.blind]
        assert [point.text for point in points] == (seen or [true[0].text])
    if kinds == ["shifted"]:
        moved = {frame + model.shifts[0] for point in true for frame in point.frames}
        assert {index for point in points for index in point.frames} == {min(max(i, 0), 39) for i in moved}
