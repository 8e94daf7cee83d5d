"""A picture is offered as a keyframe once, and keyframes that all look alike are noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text.candidates import all_alike, one_of_each_picture
from tests.curation.scripted import make_captions, make_frames

NEAR, FAR = f"{0b1111:016x}", "f" * 16


def offered(texts, same=None, pictures=None) -> list[int]:
    size = len(texts)
    frames = make_frames(same or [None] * size)
    shown = zip(frames.frames, pictures or [None] * size, strict=True)
    frames = frames.model_copy(update={"frames": tuple(f.model_copy(update={"picture": p}) for f, p in shown)})
    return [caption.index for caption in one_of_each_picture(make_captions(texts), frames).captions]


def test_examples() -> None:
    assert offered(["a", "b", "c"]) == [0, 1, 2]
    assert offered(["a", "a", "c"], same=[None, 0, None]) == [0, 2]
    assert offered(["a", "b", "A "], pictures=[None, None, 0]) == [0, 1]
    assert offered(["a", "b", "c"], pictures=[None, None, 0]) == [0, 1, 2]  # looks the same, and is another thing
    assert offered(["a", "b", "a", "c"], same=[None, None, None, 2], pictures=[None, None, 0, None]) == [0, 1]
    assert offered([None, "b", "b"], pictures=[None, 0, 0]) == [1]  # the first of them that has a caption


@given(st.data())
def test_each_picture_is_offered_once(data) -> None:
    size = data.draw(st.integers(1, 25))
    texts = data.draw(st.lists(st.sampled_from(["a", "b", None]), min_size=size, max_size=size).filter(any))
    same: list[int | None] = []
    pictures: list[int | None] = []
    for index in range(size):
        own = [i for i in range(index) if same[i] is None]
        same.append(data.draw(st.sampled_from([None, *own])))
        first = [i for i in own if pictures[i] is None]
        pictures.append(data.draw(st.sampled_from([None, *first])))
    chosen = offered(texts, same, pictures)

    def alike(i: int, j: int) -> bool:
        one, other = (index if same[index] is None else same[index] for index in (i, j))
        shown = [frame if pictures[frame] is None else pictures[frame] for frame in (one, other)]
        return one == other or (shown[0] == shown[1] and texts[i] == texts[j])

    assert chosen and chosen == sorted(set(chosen)) and all(texts[i] for i in chosen)
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
