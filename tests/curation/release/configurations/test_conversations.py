"""The three tasks as conversations: real seconds, and slots, each read back by the grammar."""

from typing import Any

import pytest

from curation.dataset.rows import row_of
from curation.release.configurations.configuration import Configuration, Published
from curation.release.configurations.conversations import V2T, V2V, V2VT
from schemas.marks import marks_in
from schemas.temporal import parse_seconds, parse_slots
from tests.curation.samples import make_sample

SAMPLE = make_sample("v000", 183, tuple(range(0, 183, 2)), captions=("A [12] <video> mark", "b"))


def row(configuration: Configuration) -> dict[str, Any]:
    assert configuration.of_sample is not None
    (made,) = configuration.of_sample(Published(SAMPLE, row_of(SAMPLE, "test", None), None))
    return made


def answers(configuration: Configuration) -> tuple[str, str]:
    made = row(configuration)
    return made["conversations"][1]["value"], made["conversations_slots"][1]["value"]


def test_both_summaries_are_read_back_from_seconds_and_from_slots() -> None:
    seconds, slots = answers(V2VT)
    assert parse_seconds(seconds) == SAMPLE.summary.v2vt
    lines = parse_slots(slots)
    assert [line.text for line in lines] == [sentence.text for sentence in SAMPLE.summary.v2vt]


def test_keyframes_are_listed_in_seconds_and_each_slot_once() -> None:
    """Of 92 keyframes of 183 frames several share a slot of 100."""
    seconds, slots = answers(V2V)
    assert [float(mark[2]) for mark in marks_in(seconds)] == list(SAMPLE.summary.v2v)
    shown = [mark[2] for mark in marks_in(slots)]
    assert shown == sorted(set(shown)) and shown[0] == "00" and shown[-1] == "99" and len(shown) == 92


def test_the_text_has_no_time() -> None:
    assert answers(V2T) == (SAMPLE.summary.v2t, SAMPLE.summary.v2t)


@pytest.mark.parametrize("configuration", [V2V, V2T, V2VT])
def test_the_question_names_the_task_and_the_row_its_video(configuration: Configuration) -> None:
    made = row(configuration)
    task = {"v2v": "VIDEO", "v2t": "TEXT", "v2vt": "BOTH"}[configuration.name]
    for turns in (made["conversations"], made["conversations_slots"]):
        assert [turn["from"] for turn in turns] == ["human", "gpt"]
        assert task in turns[0]["value"] and turns[0]["value"].startswith("<video>\n")
    assert (made["sha256"], made["sampled_frames"], made["split"]) == (SAMPLE.video.sha256, 183, "test")
    assert made.keys() == configuration.features().keys()
