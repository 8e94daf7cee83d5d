"""Corrections of what is said come back from a task, each with its time and both texts; what is none is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.label_studio.interface import NAMES
from annotation.pull.read_annotation import read_annotation
from annotation.pull.task_data import Unreadable
from annotation.push.media import Shown
from annotation.push.task import build_task
from curation.text.transcribe.segments import LONGEST
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.review import CorrectedLine, Verdict
from schemas.time import Seconds
from tests.curation.samples import make_sample

TEXTS = ("Look at the star.", "<b>It</b> grose & shines.", "The end.")
SAID = Transcript(
    source="manual",
    segments=tuple(SpokenSegment(start=Seconds(n + 0.25), end=Seconds(n + 1.0), text=t) for n, t in enumerate(TEXTS)),
)
SAMPLE = make_sample("v7", frames=12, keyframes=(0, 3, 9)).model_copy(update={"transcript": SAID})
SHOWN = Shown("/v", {0: "/a", 3: "/b", 9: "/c"})
TASK = build_task(SAMPLE, "c" * 64, "random", SHOWN, None, spoken=True) | {"id": 5}
DECISION = {"from_name": NAMES.decision, "to_name": NAMES.video, "value": {"choices": ["fix"]}}


def read(*changes: tuple[int, object], task: dict[str, Any] = TASK, without: tuple[int, ...] = ()) -> Verdict:
    """The verdict on a task as it comes back with other texts of lines (None: no text), and without some lines."""
    result = json.loads(json.dumps([*TASK["predictions"][0]["result"], DECISION]))
    texts = dict(changes)
    kept = []
    for part in result:
        place = int(part["value"]["start"]) if part["from_name"] == NAMES.said else None
        if place in texts:
            part["value"]["text"] = texts[place]
        if place is None or place not in without:
            kept.append(part)
    return read_annotation(
        task, {"id": 9, "unique_id": "9c", "result": kept, "updated_at": ""}, "p" * 32, "annotator-1"
    )


def test_an_untouched_transcript_is_no_correction() -> None:
    verdict = read()
    assert (verdict.transcript, verdict.problems) == ((), ())
    assert "transcript" not in verdict.canonical()


@given(st.integers(0, 2), st.text(min_size=1, max_size=60).filter(lambda text: any(c.isalnum() for c in text)))
def test_what_was_written_comes_back_with_the_line_that_was_shown(place: int, text: str) -> None:
    verdict = read((place, [text]))
    changed = text.split() != TEXTS[place].split()
    line = CorrectedLine(index=place, start=Seconds(place + 0.25), before=TEXTS[place], after=text)
    assert verdict.transcript == ((line,) if changed else ()) and verdict.problems == ()
    assert Verdict.model_validate_json(verdict.canonical()) == verdict
    assert not any(one.changed for one in verdict.keyframes) and verdict.summary is None


@pytest.mark.parametrize("empty", [[], [""], [" \n"], ["\u202e\u202c"], None, "", 3])
def test_an_emptied_line_stays_and_is_named(empty: object) -> None:
    verdict = read((1, empty))
    assert verdict.transcript == () and verdict.decision == "fix"
    assert verdict.problems == ("the line of the transcript at 0:01.2 was emptied: it can be corrected, not removed",)


def test_a_text_that_is_too_long_is_named() -> None:
    assert read((0, ["x" * LONGEST])).transcript[0].after == "x" * LONGEST
    verdict = read((0, ["x" * (LONGEST + 1)]))
    assert verdict.transcript == ()
    assert verdict.problems == (
        f"the line of the transcript at 0:00.2 has {LONGEST + 1} characters, at most {LONGEST}",
    )


def test_deleted_lines_stay_and_are_named_once() -> None:
    verdict = read((0, ["Look."]), without=(1, 2))
    assert [line.index for line in verdict.transcript] == [0]
    (problem,) = verdict.problems
    assert (
        problem == "the line of the transcript at 0:01.2 and 1 more were deleted: lines can be corrected, not removed"
    )
    assert read(without=(0, 1, 2)).problems == (), "a screen that shows no lines sends none"


@pytest.mark.parametrize("place", ["3", "-1", "x", None, "1.0", "²", "9" * 4000])
def test_a_line_that_does_not_exist_is_named(place: str | None) -> None:
    odd = {"from_name": NAMES.said, "value": {"start": place, "text": ["Never said."]}}
    annotation = {"id": 1, "result": [*TASK["predictions"][0]["result"], DECISION, odd], "updated_at": ""}
    verdict = read_annotation(TASK, annotation, "p", "a")
    assert verdict.transcript == () and verdict.problems[0].startswith(f"{NAMES.said} of no line")
    assert len(verdict.problems[0]) < 400


def test_a_task_of_an_earlier_push_has_no_lines_and_is_read_as_ever() -> None:
    earlier = build_task(SAMPLE, "c" * 64, "random", SHOWN, None) | {"id": 5}
    verdict = read((1, ["It grows."]), task=earlier)
    assert verdict.transcript == () and verdict.decision == "fix"
    assert all(problem.startswith(f"{NAMES.said} of no line") for problem in verdict.problems)
    result = [*earlier["predictions"][0]["result"], DECISION]
    again = read_annotation(earlier, {"id": 1, "result": result, "updated_at": ""}, "p", "a")
    assert (again.transcript, again.problems) == ((), ())


@pytest.mark.parametrize(
    "spoken",
    [3, "x", [3], [{}], [{"lines": 3}], [{"lines": [{"start": 1}]}], [{"lines": [{"start": "x", "text": "y"}]}], {},
     [{"lines": [{"start": 1e400, "text": "y"}]}], [{"lines": [{"start": -1, "text": "y"}]}], None],
)  # fmt: skip
def test_lines_that_were_changed_by_hand_are_unreadable_or_none(spoken: object) -> None:
    data = json.loads(json.dumps(TASK["data"]))
    data["frames"][0]["spoken"] = spoken
    try:
        verdict = read_annotation(TASK | {"data": data}, {"id": 1, "result": [DECISION]}, "p", "a")
    except Unreadable:
        return
    assert spoken == {} and verdict.transcript == ()
