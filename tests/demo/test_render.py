"""Drawing is repeatable, no two moments are equal, and every action is visible."""

from dataclasses import replace
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


def test_without_marks_a_still_picture_does_not_tell_which_way_things_go() -> None:
    opposite = {"moves left": "moves right", "moves up": "moves down", "appears": "leaves", "moves right": "moves left"}
    seen: set[str] = set()
    for script in map(make_script, range(60)):
        for at, stretch in enumerate(script.stretches):
            event = stretch.event
            if event is None or event.kind not in opposite:
                continue
            turned = replace(event, kind=opposite[event.kind], before=event.after, after=event.before)
            other = replace(script, stretches=(*script.stretches[:at], replace(stretch, event=turned)))
            half = (event.start + event.end) / 2
            one, back = (np.asarray(draw(each, half, marks=False), dtype=np.int16) for each in (script, other))
            assert np.abs(one - back).max() <= 1, event  # halves are rounded
            if event.kind.startswith("moves"):
                seen.add(event.kind)
                marked = [np.asarray(draw(each, half)) for each in (script, other)]
                assert (marked[0] != marked[1]).sum() > 500, "the marks tell it"
    assert seen == {"moves left", "moves right", "moves up"}


def test_without_marks_things_fade_in_and_out_and_nothing_else_changes() -> None:
    script = next(of for of in map(make_script, range(99)) if any(event.kind == "leaves" for event in of.events))
    event = next(event for event in script.events if event.kind == "leaves")
    assert event.before is not None
    places = [event.start + (event.end - event.start) * part for part in (0.0, 0.5, 0.99)]
    gone = replace(script, stretches=tuple(replace(one, event=None) for one in script.stretches))
    left = [
        np.abs(
            np.asarray(draw(script, time, marks=False), dtype=np.int16) - np.asarray(draw(gone, time), dtype=np.int16)
        ).sum()
        for time in places
    ]
    assert left[0] > 1.7 * left[1] > 3 * left[2]
    np.testing.assert_array_equal(
        np.asarray(draw(script, event.end + 0.1, marks=False)), np.asarray(draw(script, event.end + 0.1))
    )
