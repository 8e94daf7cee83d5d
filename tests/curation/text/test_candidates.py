"""A picture is offered as a keyframe once, and keyframes that all look alike are noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.frames.similarity import distance
from curation.text.candidates import all_alike, one_of_each_picture
from schemas.records import FrameSet
from tests.curation.scripted import make_captions, make_frames

NEAR, FAR = f"{0b1111:016x}", "f" * 16


def hashed(frames: FrameSet, hashes) -> FrameSet:
    pairs = zip(frames.frames, hashes, strict=True)
    return frames.model_copy(update={"frames": tuple(f.model_copy(update={"phash": h}) for f, h in pairs)})


def offered(texts, hashes, same=None) -> list[int]:
    frames = hashed(make_frames(same or [None] * len(texts)), hashes)
    return [caption.index for caption in one_of_each_picture(make_captions(texts), frames).captions]


def test_examples() -> None:
    zero = "0" * 16
    assert offered(["a", "a", "b"], [zero, NEAR, NEAR]) == [0, 2]
    assert offered(["a", "A ", "a"], [zero, NEAR, FAR]) == [0, 2]
    assert offered(["a", "b", "c"], [zero, FAR, zero], [None, None, 0]) == [0, 1]
    assert offered([None, "b", "c"], [zero, FAR, zero], [None, 0, 0]) == [1]


@given(st.data())
def test_no_two_of_the_offered_frames_show_the_same(data) -> None:
    size = data.draw(st.integers(1, 25))
    texts = data.draw(st.lists(st.sampled_from(["a", "b", None]), min_size=size, max_size=size).filter(any))
    hashes = data.draw(st.lists(st.sampled_from(["0" * 16, NEAR, FAR, "f0" * 8]), min_size=size, max_size=size))
    same = [data.draw(st.sampled_from([None, 0] if i else [None])) for i in range(size)]
    chosen = offered(texts, hashes, same)
    assert chosen == sorted(set(chosen)) and all(texts[i] for i in chosen)
    assert chosen

    def alike(i: int, j: int) -> bool:
        shared = (same[i] if same[i] is not None else i) == (same[j] if same[j] is not None else j)
        return shared or (texts[i] == texts[j] and distance(hashes[i], hashes[j]) <= 8)

    assert not any(alike(i, j) for i in chosen for j in chosen if i < j)
    for left in range(size):
        if texts[left] and left not in chosen:
            assert any(alike(left, earlier) for earlier in range(left))


@pytest.mark.parametrize(
    ("chosen", "alike"), [((0, 1), True), ((0,), False), ((0, 3), False), ((), False), ((3, 4), False)]
)
def test_all_alike(chosen, alike) -> None:
    hashes = dict(enumerate(["0" * 16, NEAR, *(f"{(0xFFFF << 16 * i) & (2**64 - 1):016x}" for i in range(4))]))
    assert all_alike(chosen, hashes) is alike


def test_a_video_that_shows_one_thing_may_have_keyframes_of_it() -> None:
    assert not all_alike((0, 1), {0: "0" * 16, 1: NEAR, 2: "0" * 16, 3: FAR})
