"""Windows hold consecutive seconds with their truth, and the requests about them are those of production."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from curation.text.caption import caption_frames
from demo.tiny_models.caption_data import SLOT_SIZES
from demo.tiny_models.motion_data import CLIP_SIZES, PROMPTS, WINDOW, Unit, asked, make_windows, message
from demo.world import shows_event
from prompts import load
from schemas.configuration.config import CaptionConfig
from tests.curation.scripted import Scripted, make_frames, make_video, picture

WINDOWS = make_windows(7, 48)


def test_windows_are_repeatable_and_many_hold_an_event() -> None:
    same, others = make_windows(7, 4), make_windows(7, 4, held_out=True)
    np.testing.assert_array_equal(same.pixels, WINDOWS.pixels[:4])
    assert same.captions == WINDOWS.captions[:4] != others.captions
    assert ((WINDOWS.slots >= 0) & (WINDOWS.slots < np.array(SLOT_SIZES))).all()
    eventful = [any(map(shows_event, of)) for of in WINDOWS.captions]
    assert 0.5 < np.mean(eventful) < 1 and 0 < sum(WINDOWS.lone) < 20
    for lone, captions in zip(WINDOWS.lone, WINDOWS.captions, strict=True):
        places = {caption.rsplit(",", 1)[1] for caption in captions}
        assert len(places) > 2 if lone else len(places) <= 2, "a script has few cuts"


def test_only_a_window_that_begins_a_film_has_no_picture_before() -> None:
    for start, lone, pixels in zip(WINDOWS.starts, WINDOWS.lone, WINDOWS.pixels, strict=True):
        assert pixels[0].any() == (start > 0) and pixels[1:].reshape(WINDOW, -1).any(axis=1).all()
        assert not (lone and start)


@pytest.mark.parametrize("unit", get_args(Unit))
@pytest.mark.parametrize("size", sorted(set(CLIP_SIZES)))
def test_every_picture_of_a_window_is_asked_about_once(unit: Unit, size: int) -> None:
    for window in range(12):
        requests = asked(WINDOWS, window, unit, size)
        of = [place for one in requests for place in one.shown[-len(one.slots) :]]
        assert of == [*range(1, WINDOW + 1)]
        np.testing.assert_array_equal(np.concatenate([one.slots for one in requests]), WINDOWS.slots[window])
        if unit == "frame":
            assert [one.answer for one in requests] == [*WINDOWS.captions[window]]
        else:
            said = [caption for one in requests for caption in json.loads(one.answer).values()]
            assert said == [*WINDOWS.captions[window]]


@pytest.mark.parametrize("size", [2, 4, 8])
def test_requests_about_clips_are_those_of_production(size: int) -> None:
    """A film of 16 seconds, captioned by the real stage, against the windows that begin at 0 and at 8."""
    model = Scripted(lambda request: json.dumps(dict.fromkeys(request.schema["properties"], "A man.")), batch=size)
    config = CaptionConfig(unit="clip", clip_frames=size)
    caption_frames(make_video(), make_frames([None] * 16), picture, model, load(PROMPTS["clip"]), config)
    first = WINDOWS.lone.index(False)
    windows = [replace(WINDOWS, starts=(start,) * 48) for start in (0, 8)]
    wanted = [one for of in windows for one in asked(of, first, "clip", size)]
    assert len(wanted) == len(model.requests)
    for one, request in zip(wanted, model.requests, strict=True):
        assert one.names == tuple(shown.name for shown in request.clip)
        assert [*json.loads(one.answer)] == [*request.schema["properties"]]
        assert message(one, "clip")[0]["text"] == request.text


def test_a_lone_picture_has_none_before_and_no_time_of_a_film() -> None:
    alone = WINDOWS.lone.index(True)
    assert [one.names for one in asked(WINDOWS, alone, "clip", 1)] == [("[0]",)] * WINDOW
    assert [one.names for one in asked(WINDOWS, alone, "clip", 4)] == [("[0]", "[1]", "[2]", "[3]")] * 2
