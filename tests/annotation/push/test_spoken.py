"""A task shows what is said, bounded and word for word; without speech, or on other screens, it is as ever."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.label_studio.interface import NAMES
from annotation.push.media import Shown
from annotation.push.spoken import MOST_CHARACTERS, MOST_LINES, line_regions, spoken_block
from annotation.push.task import build_task
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.records import Sample
from schemas.time import Seconds
from tests.curation.samples import make_sample

SHOWN = Shown("/v", {0: "/a", 3: "/b", 9: "/c"})


def said(*texts: str, source: str = "manual", language: str | None = "en") -> Transcript:
    """A transcript with a line each two seconds."""
    segments = tuple(
        SpokenSegment(start=Seconds(2.0 * n), end=Seconds(2.0 * n + 1.5), text=text) for n, text in enumerate(texts)
    )
    return Transcript.model_validate({"source": source, "language": language, "segments": segments})


def task(transcript: Transcript | None, *, spoken: bool) -> dict[str, Any]:
    sample: Sample = make_sample("v1").model_copy(update={"transcript": transcript})
    return build_task(sample, "a" * 64, "random", SHOWN, 0.5, spoken=spoken)


@given(st.lists(st.text(min_size=1, max_size=40).filter(str.strip), min_size=1, max_size=5))
def test_a_task_shows_every_line_and_has_its_text_to_correct(texts: list[str]) -> None:
    made = json.loads(json.dumps(task(said(*texts), spoken=True)))
    (block,) = made["data"]["frames"][0]["spoken"]
    assert [(line["start"], line["text"]) for line in block["lines"]] == [(2.0 * n, t) for n, t in enumerate(texts)]
    assert not any("spoken" in frame for frame in made["data"]["frames"][1:])
    regions = [part for part in made["predictions"][0]["result"] if part["to_name"] == NAMES.spoken]
    assert [part["value"]["text"] for part in regions] == [[text] for text in texts]
    for place, (part, text) in enumerate(zip(regions, texts, strict=True)):
        units = len(text.encode("utf-16-le", "surrogatepass")) // 2  # as JavaScript counts
        where = {"start": str(place), "end": str(place), "startOffset": 0, "endOffset": units}
        assert part["value"] == where | {"text": [text]} and part["id"] == f"{NAMES.line}{place}"


@pytest.mark.parametrize(
    ("transcript", "spoken"),
    [(None, True), (Transcript(reason="no_subtitles"), True), (said("Now."), False), (None, False)],
)
def test_without_speech_and_on_other_screens_no_byte_differs(transcript: Transcript | None, spoken: bool) -> None:
    plain = build_task(make_sample("v1"), "a" * 64, "random", SHOWN, 0.5)
    assert json.dumps(task(transcript, spoken=spoken)) == json.dumps(plain)
    assert "spoken" not in json.dumps(plain)


def test_keyframes_come_before_lines_since_the_keys_take_the_first_region_of_a_place() -> None:
    names = [part["to_name"] for part in task(said("One.", "Two."), spoken=True)["predictions"][0]["result"]]
    assert max(n for n, name in enumerate(names) if name == NAMES.script) < names.index(NAMES.spoken)


def test_a_long_transcript_is_shown_up_to_a_limit_and_the_heading_says_so() -> None:
    many = spoken_block(said(*["Now."] * (MOST_LINES + 31), source="automatic"))
    assert many is not None and len(many["lines"]) == len(line_regions(many)) == MOST_LINES
    assert many["title"] == (
        f"What is said (subtitles that a machine made, en): the first {MOST_LINES} of {MOST_LINES + 31} lines are shown"
    )
    wordy = spoken_block(said(*["x" * 900] * 40))
    assert wordy is not None and sum(len(line["text"]) for line in wordy["lines"]) <= MOST_CHARACTERS
    assert "the first 22 of 40 lines" in wordy["title"]
    for source, words in (("manual", "subtitles that people wrote"), ("recognised", "recognised by a machine")):
        whole = spoken_block(said("Now.", source=source, language=None))
        assert whole is not None and whole["title"] == f"What is said ({words})"
