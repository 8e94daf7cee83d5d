"""What a narrator says is told by the lines alone, and what was shown stays as it was."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from curation.text.transcribe.cues import read_cues
from demo.render import draw
from demo.spoken import webvtt, with_narrator
from demo.world import SpokenLine, make_script, names_event, shows_event

seeds = st.integers(0, 2**40)


@given(seeds)
def test_events_that_are_said_are_in_the_truth_and_in_no_picture(seed: int) -> None:
    plain, told = make_script(seed), with_narrator(make_script(seed))
    said = [stretch.said for stretch in told.stretches if stretch.said is not None]
    assert set(told.events) == {*plain.events, *said} and len(told.events) == len(plain.events) + len(said)
    assert list(told.keyframes) == sorted({*plain.keyframes, *(second for event in said for second in event.seconds)})
    for event in said:
        assert not any(names_event(caption, event) for caption in told.captions)
        (line,) = [line for line in told.lines if line.text == event.sentence]
        assert (line.start, line.end) == (event.seconds[0], event.seconds[-1])
    assert len({event.sentence for event in told.events}) == len(told.events)


@given(seeds)
def test_what_was_shown_stays_and_scenes_rest(seed: int) -> None:
    plain, told = make_script(seed), with_narrator(make_script(seed))
    assert plain.lines == () and all(stretch.said is None for stretch in plain.stretches)
    assert told.stretches[0].start == 0 and told.stretches[-1].end == told.duration == plain.duration
    assert all(one.end == other.start and one.start < one.end for one, other in pairwise(told.stretches))
    spoken = {second for line in told.lines for second in range(int(line.start), int(line.end) + 1)}
    for second, (before, caption) in enumerate(zip(plain.captions, told.captions, strict=True)):
        assert (second in spoken) or caption == before
        assert not (second in spoken and shows_event(caption))
    for line in told.lines:
        scene = told.at(line.start)
        assert scene.event is None and (scene.start, scene.end) == (line.start - 0.5, line.end + 0.5)
        assert told.captions.count(scene.caption) == line.end - line.start + 1, "its picture comes once"
        assert not any(pose.thing.colour in line.text for pose in scene.resting), "it tells of nothing in the picture"
        assert shows_event(line.text) == (scene.said is not None)
    assert all(other.start - one.end > 1 for one, other in pairwise(told.lines)), "a quiet second between two"


def test_about_half_of_the_lines_matter_and_the_same_seed_says_the_same() -> None:
    scripts = [with_narrator(make_script(seed)) for seed in range(200)]
    assert scripts[:5] == [with_narrator(make_script(seed)) for seed in range(5)]
    lines = [line for script in scripts for line in script.lines]
    said = [
        event for script in scripts for event in script.events if event.sentence in {line.text for line in script.lines}
    ]
    shown = sum(len(make_script(seed).events) for seed in range(200))
    assert 0.45 < len(said) / len(lines) < 0.55
    assert 0.7 < len(said) / shown < 1.1, "about as much is said as is shown"


def test_the_pictures_hold_nothing_of_what_is_said() -> None:
    told = with_narrator(make_script(3))
    silent = replace(told, stretches=tuple(replace(stretch, said=None) for stretch in told.stretches), lines=())
    for line in told.lines:
        assert draw(told, line.start).tobytes() == draw(silent, line.start).tobytes()
    assert silent != told and silent.captions == told.captions


@given(st.lists(st.tuples(st.integers(0, 9_000), st.integers(1, 50), st.text("aé <&>b", min_size=1)), max_size=5))
def test_subtitles_are_read_as_they_were_written(rows: list[tuple[int, int, str]]) -> None:
    lines = [SpokenLine(float(start), float(start + length), text) for start, length, text in rows if text.strip()]
    if lines:
        cues = read_cues(webvtt(lines).encode(), "vtt")
        assert [(cue.start, cue.end) for cue in cues] == [(line.start, line.end) for line in lines]
        assert [line.text for cue in cues for line in cue.lines] == [" ".join(line.text.split()) for line in lines]
