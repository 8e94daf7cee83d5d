"""What the pictures of a video show: which are looked at, what is shared, what is lost, and what filters make of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.frames.safety.score import MOST_FACES, Models, judge_safety, safety_of
from curation.sources.filters import refuse
from models.safety import Face
from schemas.configuration.safety_config import NudityFilter, SafetyConfig
from schemas.configuration.video_config import ShareFilter
from schemas.errors import RefusedError
from schemas.parts.safety import Safety
from schemas.records import FrameSet
from schemas.time import FrameIndex
from tests.curation.samples import make_sample


class Finder:
    """Finds as many faces as the first byte of a picture says."""

    name, revision = "finder", "1"

    def find(self, image: bytes) -> tuple[Face, ...]:
        return (Face(0.9, 0.25, 0.5, 0.5, 0.75),) * image[0]


class Scorer:
    """The second byte of a picture is its score in percent; the pictures that were scored are counted."""

    name, revision = "scorer", "2"

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def score(self, images: Sequence[bytes]) -> list[float]:
        self.seen += images
        return [image[1] / 100 for image in images]


def frames(count: int, same_as: dict[FrameIndex, FrameIndex] | None = None) -> FrameSet:
    found = make_sample("a", frames=count, keyframes=(0,)).frames
    alike = same_as or {}
    return found.model_copy(
        update={"frames": tuple(one.model_copy(update={"same_as": alike.get(one.index)}) for one in found.frames)}
    )


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 100), st.booleans()), min_size=1, max_size=200),
    st.booleans(),
    st.booleans(),
)
def test_every_known_frame_has_what_it_shows(shown: list[tuple[int, int, bool]], finds: bool, scores: bool) -> None:
    pictures = {FrameIndex(i): None if lost else bytes([faces, score]) for i, (faces, score, lost) in enumerate(shown)}
    finder, scorer = Finder() if finds else None, Scorer() if scores else None
    found = safety_of(frames(len(shown)), pictures.__getitem__, Models(finder, scorer))
    known = {index: data for index, data in pictures.items() if data is not None}
    assert [one.index for one in found.frames] == list(known)
    assert found.unknown == len(shown) - len(known)
    for one in found.frames:
        assert len(one.faces) == (known[one.index][0] if finds else 0)
        assert one.nudity == (known[one.index][1] / 100 if scores else None)
    assert (found.faces is None) == (not finds or not known)
    assert (found.nudity is None) == (not scores or not known)
    if finds and known:
        assert found.faces == pytest.approx(sum(data[0] > 0 for data in known.values()) / len(known), abs=1e-4)
    if scores and known:
        assert found.nudity == max(data[1] for data in known.values()) / 100
    assert (found.finder, found.scorer) == ("finder" if finds else None, "scorer" if scores else None)


def test_nearly_identical_frames_share_a_score_and_no_faces() -> None:
    pictures = {FrameIndex(i): bytes([i % 3, 50 + i]) for i in range(150)}
    alike = {FrameIndex(i): FrameIndex(4) for i in (5, 6, 70, 149)} | {FrameIndex(9): FrameIndex(8)}
    scorer = Scorer()
    found = safety_of(
        frames(150, alike), lambda index: None if index == 8 else pictures[index], Models(Finder(), scorer)
    )
    assert len(scorer.seen) == 150 - 1 - 4, "a frame whose first one is lost is scored itself"
    by_index = {one.index: one for one in found.frames}
    assert {by_index[index].nudity for index in (4, 5, 6, 70, 149)} == {0.54}
    assert by_index[9].nudity == 0.59 and 8 not in by_index
    assert [len(by_index[index].faces) for index in (4, 5, 6)] == [1, 2, 0]


def test_more_faces_than_a_record_holds_are_counted() -> None:
    class Crowd(Finder):
        def find(self, image: bytes) -> tuple[Face, ...]:
            return super().find(image) * 400

    (one,) = safety_of(frames(1), lambda _: bytes([2, 0]), Models(Crowd(), None)).frames
    assert (len(one.faces), one.more_faces) == (MOST_FACES, 300)


def test_filters_judge_what_was_looked_for() -> None:
    known = Safety(finder="f", scorer="s", faces=0.4, nudity=0.9)
    scores = {one.name: one for one in judge_safety(known, SafetyConfig())}
    assert (scores["faces"].value, scores["faces"].passed) == (0.4, True)
    assert (scores["nudity"].value, scores["nudity"].passed, scores["nudity"].enforced) == (0.9, False, False)
    refuse(tuple(scores.values()))  # scores alone refuse nothing
    assert judge_safety(known.model_copy(update={"finder": None, "scorer": None}), SafetyConfig()) == ()
    unknown = Safety(finder="f", scorer="s", unknown=3)
    assert all(one.passed for one in judge_safety(unknown, enforcing(most=0.0)))
    off = SafetyConfig(faces=ShareFilter(mode="disable"), nudity=NudityFilter(mode="disable"))
    assert judge_safety(known, off) == ()


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"most": 0.8}, "too_much_nudity"),
        ({"faces_most": 0.3}, "too_many_faces"),
        ({"faces_least": 0.5}, "too_few_faces"),
    ],
)
def test_enforced_filters_refuse_with_their_reason(limits: dict[str, float], reason: str) -> None:
    scores = judge_safety(Safety(finder="f", scorer="s", faces=0.4, nudity=0.9), enforcing(**limits))
    with pytest.raises(RefusedError) as told:
        refuse(scores)
    assert told.value.reason == reason


def enforcing(most: float = 1.0, faces_least: float | None = None, faces_most: float | None = None) -> SafetyConfig:
    faces = ShareFilter(mode="enable", min=faces_least, max=faces_most)
    return SafetyConfig(faces=faces, nudity=NudityFilter(mode="enable", max=most))
