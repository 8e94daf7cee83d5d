"""Pieces of sound: every audible moment is in one, none is too long, and they end in pauses where there are any."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from curation.text.transcribe.pauses import QUIETEST, pieces

STEP = 0.02


def levels(*parts: tuple[float, float]) -> np.ndarray:
    """Levels from (seconds, dB)."""
    return np.concatenate([np.full(round(seconds / STEP), level, np.float32) for seconds, level in parts])


def test_silence_gives_no_piece() -> None:
    assert pieces(np.empty(0, np.float32), STEP, 28) == []
    assert pieces(levels((60, -100)), STEP, 28) == []
    assert pieces(levels((60, QUIETEST)), STEP, 28) == []


def test_long_silence_is_not_sent_and_short_pauses_are() -> None:
    found = pieces(levels((5, -100), (3, -20), (1, -100), (2, -20), (30, -100), (4, -20), (5, -100)), STEP, 28)
    assert [(p.start, p.end) for p in found] == [(4.7, 11.3), (40.7, 45.3)]


def test_a_voice_that_goes_on_is_cut_in_its_last_pause() -> None:
    talk = [(2.5, -20.0), (0.5, -90.0)] * 20
    found = pieces(levels(*talk), STEP, 10)
    assert all(p.end - p.start <= 10 for p in found)
    gaps = [(3 * n + 2.5, 3 * n + 3.0) for n in range(20)]
    for piece in found[:-1]:
        assert any(a - 0.31 <= piece.end <= b + 0.31 for a, b in gaps), piece


def test_a_sound_without_pauses_is_cut_at_its_quietest_moment() -> None:
    sound = levels((22, -20), (0.4, -40), (30, -20))
    found = pieces(sound, STEP, 28)
    assert found[0].end == pytest.approx(22.2, abs=0.15) and found[0].end == found[1].start


def test_a_click_is_no_speech_and_quiet_speech_is() -> None:
    assert pieces(levels((5, -90), (0.04, -10), (5, -90)), STEP, 28) == []
    quiet = pieces(levels((5, -90), (2, -15), (5, -90), (2, -48), (5, -90)), STEP, 28)
    assert len(quiet) == 2, "33 dB below the loud part"


def test_where_speech_is_told_all_of_it_is_sent_and_nothing_else() -> None:
    music = levels((100, -20))
    assert pieces(music, STEP, 28, []) == []
    found = pieces(music, STEP, 28, [(10.0, 12.0), (12.2, 15.0), (60.0, 99.99)])
    assert (found[0].start, found[0].end) == (9.7, 15.3), "a short pause is bridged, and each end has its margin"
    assert (found[1].start, found[-1].end) == (59.7, 100.0) and len(found) == 3, "a long one is cut"
    assert pieces(music, STEP, 28, [(200.0, 300.0)]) == [], "nothing is beyond the end"


LEVELS = arrays(np.float32, st.integers(0, 4000), elements=st.sampled_from([-100.0, -70.0, -50.0, -30.0, -10.0]))


@given(LEVELS, st.sampled_from([1.0, 5.0, 28.0]))
def test_pieces_are_in_order_short_and_hold_all_that_is_loud(sound: np.ndarray, longest: float) -> None:
    found = pieces(sound, STEP, longest)
    assert all(p.start < p.end and p.end - p.start <= longest + 1e-6 for p in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    inside = np.zeros(sound.size, bool)
    for piece in found:
        inside[round(piece.start / STEP) : round(piece.end / STEP)] = True
    loud = sound > QUIETEST
    if loud.any():
        loud &= sound > np.percentile(sound[loud], 95) - 40
    if sound.size < 3:
        return
    # A run of three levels or more is no click; shorter ones may be left out.
    wide = np.convolve(loud, np.ones(3), mode="valid") == 3
    for start in np.flatnonzero(wide):
        assert inside[start : start + 3].all()
