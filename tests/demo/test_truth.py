"""The demo's truth as references: the reader of Instruct-V2Xum reads from it what the scripts say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from demo.truth import Known, record, write_truth
from demo.world import make_script
from evaluation.readers.instruct_v2xum import read_instruct


@given(st.integers(0, 10_000), st.floats(0.5, 1))
@example(1075, 0.5)  # nothing happens in its first half
def test_a_record_marks_the_seconds_of_events_that_are_there(seed: int, kept: float) -> None:
    script = make_script(seed)
    frames = int(script.duration * kept)
    if not any(second < frames for second in script.keyframes):
        with pytest.raises(ValueError, match="at least one sentence"):
            record(Known("v", script, frames))
        return
    made = record(Known("v", script, frames))
    assert [i for i, flag in enumerate(made["vsum_onehot"]) if flag] == [s for s in script.keyframes if s < frames]
    assert sorted(made["meta"]["token"].values()) == [float(s) for s in script.keyframes if s < frames]


def test_a_second_that_is_not_offered_is_no_keyframe() -> None:
    script = make_script(3)
    last = {event.seconds[-1] for event in script.events}
    known = Known("v", script, script.duration, frozenset(range(script.duration)) - last)
    longer = [event for event in script.events if len(event.seconds) > 1]
    assert longer and len(longer) < len(script.events)
    assert set(known.keyframes) == set(script.keyframes) - last
    made = record(known)
    assert [i for i, flag in enumerate(made["vsum_onehot"]) if flag] == known.keyframes
    assert all((event.sentence in made["conversations"][1]["value"]) == (event in longer) for event in script.events)


def test_the_reader_of_evaluation_understands_it(tmp_path: Path) -> None:
    scripts = {f"v{seed}": make_script(seed) for seed in range(5)}
    write_truth(tmp_path / "truth.json", [Known(name, script, script.duration) for name, script in scripts.items()])
    found = read_instruct(tmp_path / "truth.json")
    assert not found.problems and [one.id for one in found.items] == list(scripts)
    for one in found.items:
        script = scripts[one.id]
        assert one.selections is not None and one.selections[0].nonzero()[0].tolist() == list(script.keyframes)
        assert one.texts == (" ".join(event.sentence for event in script.events),)
