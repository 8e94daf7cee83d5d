"""Drawing is repeatable, no two moments are equal, and every action is visible."""

from itertools import islice

import numpy as np

from demo.render import HEIGHT, WIDTH, draw, frames
from demo.world import KINDS, make_script


def test_frames_have_the_stated_shape_and_number() -> None:
    script = make_script(1, 40)
    drawn = list(frames(script, 1))
    assert len(drawn) == 40
    assert all(frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8 for frame in drawn)


def test_drawing_is_repeatable() -> None:
    one, other = make_script(5), make_script(5)
    for first, second in zip(islice(frames(one, 10), 30), islice(frames(other, 10), 30), strict=True):
        np.testing.assert_array_equal(first, second)


def test_seeds_look_different_and_time_passes() -> None:
    script = make_script(5)
    assert np.any(np.asarray(draw(script, 0)) != np.asarray(draw(make_script(6), 0)))
    assert np.any(np.asarray(draw(script, 0)) != np.asarray(draw(script, 0.1)))


def test_every_kind_of_event_changes_the_picture() -> None:
    seen = set()
    for seed in range(40):
        script = make_script(seed)
        for event in script.events:
            if event.kind in seen:
                continue
            seen.add(event.kind)
            during = np.asarray(draw(script, event.start + 0.5), dtype=np.int16)
            before = np.asarray(draw(script, event.start - 0.1), dtype=np.int16)
            assert (np.abs(during - before).max(axis=2) > 40).sum() > 200, event
    assert seen == set(KINDS)
