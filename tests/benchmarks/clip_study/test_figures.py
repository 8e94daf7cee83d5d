"""The figures of planted captions and choices: what clips add there is known."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.clip_study.curation import SIZES, events
from benchmarks.clip_study.figures import counts, events_found, f1, figures, kinds
from demo.world import make_script

MOVES, SIGN = "moves left", "sign"


def row(film: int, moves: bool, chosen: list[int]) -> dict[str, Any]:
    return {
        "film": f"film-{film:04d}", "fault": None, "truth": [3, 4, 9], "chosen": chosen,
        "events": [[MOVES, moves], [SIGN, True]], "captions": 40, "exact": 30, "named": 3 if moves else 1, "quiet": 37,
        "invented": 2, "pictures": 40, "tokens_in": 100 if not moves else 120, "tokens_out": 10,
    }  # fmt: skip


def conditions(films: int) -> dict[str, dict[str, Any]]:
    frames = [row(film, False, [9]) for film in range(films)]
    clips = [row(film, film % 2 == 0, [3, 4, 9]) for film in range(films)]
    return {name: {"rows": clips if size else frames, "caption_seconds": 4.0} for name, size in SIZES.items()}


def test_what_clips_add_is_told_in_events_and_in_f1() -> None:
    found = figures(conditions(10))
    assert found["films"] == 10 and found["events"]["frame"] == [0.5, 0.5, 0.5]
    assert found["events"]["clips of 4"][0] == pytest.approx(0.75)
    value, low, high = found["events_differences"]["clips of 4"]
    assert value == pytest.approx(0.25) and 0 < low < value < high
    assert found["f1"]["frame"][0] == pytest.approx(0.5) and found["f1"]["clips of 2"] == [1.0, 1.0, 1.0]
    assert found["f1_differences"]["clips of 8"] == [0.5, 0.5, 0.5]
    assert found["kinds"]["frame"][MOVES] == [0, 10] and found["kinds"]["clips of 8"][MOVES] == [5, 10]
    assert found["kinds"]["frame"][SIGN] == [10, 10] and found["kinds"]["frame"]["grows"] == [0, 0]
    assert found["counts"]["clips of 2"] == {"exact": [300, 400], "named": [20, 30], "invented": [20, 370]}
    assert found["cost"]["clips of 2"]["tokens_in"] == 1100 and found["cost"]["frame"]["caption_seconds"] == 4.0


def test_a_film_without_a_sample_found_nothing() -> None:
    script = make_script(3)
    lost = {"film": "film-0001", "fault": "caption: captions_failed", "truth": [3, 4], "events": events(script)}
    assert events_found(lost) == 0 and f1(lost) == 0
    made = conditions(2)
    made["frame"] = {**made["frame"], "rows": [row(0, True, [3, 4, 9]), lost]}
    found = figures(made)
    assert found["faults"]["frame"] == ["caption: captions_failed"] and found["faults"]["clips of 2"] == []
    assert found["f1"]["frame"][0] == 0.5 and found["counts"]["frame"]["exact"] == [30, 40]
    assert counts([lost])["named"] == [0, 2] and sum(of for _, of in kinds([lost]).values()) == len(script.events)


def test_an_event_is_found_by_a_caption_of_its_own_seconds() -> None:
    script = make_script(5)
    right = dict(enumerate(script.captions))
    assert all(found for _, found in events(script, right))
    first = script.events[0]
    assert [found for _, found in events(script, {first.seconds[-1]: first.sentence})].count(True) == 1
    elsewhere = {second: first.sentence for second in range(script.duration) if second not in first.seconds}
    assert not any(found for _, found in events(script, elsewhere))
