from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.label_studio.interface import DECISIONS, JUDGEMENTS, NAMES, shown
from annotation.pull.read_annotation import EMPTY, SKIPPED, read_annotation
from annotation.pull.task_data import Unreadable
from annotation.push.media import Shown
from annotation.push.task import build_task
from schemas.review import REASONS, AddedKeyframe, Verdict
from tests.curation.samples import make_sample

SAMPLE = make_sample("v7", frames=20, keyframes=(0, 3, 9))
CONTENT = "c" * 64
TASK = build_task(SAMPLE, CONTENT, "active", Shown("/data/local-files/?d=v", {0: "/a", 3: "/b", 9: "/c"}), 0.25) | {
    "id": 5
}
CAPTIONS = [frame["caption"] for frame in TASK["data"]["frames"]]


def choice(name: str, *words: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "video", "type": "choices", "value": {"choices": list(words)}}


def text(name: str, *texts: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "video", "type": "textarea", "value": {"text": list(texts)}}


def untouched() -> list[dict[str, Any]]:
    """What comes back when nobody changed anything."""
    return [item | {"origin": "prediction"} for item in TASK["predictions"][0]["result"]]


def read(result: Any, **fields: Any) -> Verdict:
    annotation = {
        "id": 9,
        "unique_id": "9c0d",
        "result": result,
        "lead_time": 31.26,
        "updated_at": "2026-01-02T03:04:05.678901Z",
        **fields,
    }
    return read_annotation(TASK, annotation, "p" * 32, "annotator-1")


def without(name: str) -> list[dict[str, Any]]:
    return [item for item in untouched() if item["from_name"] != name]


def test_an_accepted_sample_changes_nothing() -> None:
    verdict = read([*untouched(), choice(NAMES.decision, "accept")])
    assert (verdict.decision, verdict.summary, verdict.added, verdict.problems) == ("accept", None, (), ())
    assert (verdict.sample_id, verdict.content_sha256, verdict.stratum) == ("v7", CONTENT, "active")
    assert [(one.index, one.judged, one.caption, one.changed) for one in verdict.keyframes] == [
        (index, None, caption, False) for index, caption in zip((0, 3, 9), CAPTIONS, strict=True)
    ]
    assert (verdict.seconds, verdict.updated_at) == (31.26, "2026-01-02T03:04:05.678901Z")
    assert verdict.origin == f"label-studio:{'p' * 32}:5:9:9c0d"


@given(
    decision=st.sampled_from(DECISIONS),
    reasons=st.sets(st.sampled_from(REASONS)),
    rating=st.one_of(st.none(), st.integers(1, 5)),
    judged=st.lists(st.one_of(st.none(), st.sampled_from(JUDGEMENTS)), min_size=3, max_size=3),
    captions=st.lists(st.text(min_size=1).filter(str.strip), min_size=3, max_size=3),
    summary=st.text(min_size=1).filter(str.strip),
)
def test_what_was_entered_comes_back(
    decision: str,
    reasons: set[str],
    rating: int | None,
    judged: list[str | None],
    captions: list[str],
    summary: str,
) -> None:
    result = [
        choice(NAMES.decision, decision),
        choice(NAMES.reasons, *map(shown, reasons)),
        text(NAMES.summary, summary),
        *(text(f"{NAMES.caption}{place}", caption) for place, caption in enumerate(captions)),
        *(choice(f"{NAMES.judged}{place}", word) for place, word in enumerate(judged) if word),
    ]
    if rating is not None:
        result.append({"from_name": NAMES.rating, "value": {"rating": rating}})
    verdict = read(json.loads(json.dumps(result)))
    assert verdict.problems == ()
    assert (verdict.decision, set(verdict.reasons), verdict.rating) == (decision, reasons, rating)
    assert [one.judged for one in verdict.keyframes] == judged
    for one, entered, before in zip(verdict.keyframes, captions, CAPTIONS, strict=True):
        assert one.changed == (entered.split() != before.split())
        assert one.caption == (entered if one.changed else before)
    assert verdict.summary in (None, summary)
    assert Verdict.model_validate_json(verdict.canonical()) == verdict


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([*NAMES, "caption_0", "caption_99", "caption_-1", "judged_1", "judged_²", "frame_0", ""])
values = json_values | st.fixed_dictionaries(
    {},
    optional={
        name: json_values | st.lists(st.text(max_size=6), max_size=2)
        for name in ("text", "choices", "rating", "ranges", "timelinelabels")
    },
)


@given(st.lists(json_values | st.fixed_dictionaries({"from_name": names, "value": values}), max_size=6), json_values)
def test_no_annotation_breaks_the_reading(result: list[Any], lead: Any) -> None:
    verdict = read(result, lead_time=lead, unique_id=lead)
    assert Verdict.model_validate_json(verdict.canonical()) == verdict
    assert verdict.decision is not None or verdict.problems


@pytest.mark.parametrize("result", [None, "x", 3, {}])
def test_a_result_that_is_no_list_is_unreadable(result: Any) -> None:
    with pytest.raises(Unreadable, match="not a list"):
        read(result)


@given(st.sampled_from(["sample_id", "content_sha256", "stratum", "frames", "fps", "sampled_frames"]), json_values)
def test_a_task_that_was_changed_by_hand_is_unreadable_or_read(name: str, value: Any) -> None:
    task = TASK | {"data": TASK["data"] | {name: value}}
    try:
        verdict = read_annotation(task, {"result": [], "id": 1}, "p", "a")
    except Unreadable:
        return
    assert verdict.problems == (EMPTY,)


def test_skipped_and_empty_annotations_decide_nothing() -> None:
    skipped = read([*untouched(), choice(NAMES.decision, "reject")], was_cancelled=True)
    assert skipped.decision is None and skipped.problems == (SKIPPED,)
    assert read([]).problems == (EMPTY,)
    assert read(untouched()).problems == ("no decision",)


def test_an_emptied_text_is_an_edit_and_one_that_was_never_there_is_none() -> None:
    emptied = read([*without(f"{NAMES.caption}1"), choice(NAMES.decision, "fix")])
    assert [(one.caption, one.changed) for one in emptied.keyframes][1] == ("", True)
    assert emptied.summary is None
    bare = read([choice(NAMES.decision, "accept")])
    assert not any(one.changed for one in bare.keyframes) and bare.summary is None


@pytest.mark.parametrize(
    ("written", "index", "caption"),
    [
        ("0:06 A dog", 6, "A dog"),
        ("6.4 - A dog", 6, "A dog"),
        ("[6.0]A dog", 6, "A dog"),
        ("[6.0] A dog", 6, "A dog"),
        ("0:00:06.5, A dog", 7, "A dog"),
        ("6s A dog", 6, "A dog"),
        ("12", 12, None),
        ("20,4 late", 19, "late"),
        ("3 3 people", 3, "3 people"),
    ],
)
def test_missed_keyframes_in_words(written: str, index: int, caption: str | None) -> None:
    verdict = read([choice(NAMES.decision, "fix"), text(NAMES.missed, written)])
    assert verdict.added == (AddedKeyframe(index=index, time=float(index), caption=caption),)
    assert verdict.problems == ()


@pytest.mark.parametrize("written", ["A dog", "1:99:99", "1e5", "21.5 A dog after the end", "-3 x", "5th of May"])
def test_missed_keyframes_that_cannot_be_placed_are_kept_as_problems(written: str) -> None:
    verdict = read([choice(NAMES.decision, "fix"), text(NAMES.missed, written)])
    assert verdict.added == () and len(verdict.problems) == 1
    assert any(word in verdict.problems[0] for word in (written, "after the end"))


@given(st.integers(0, 19), st.integers(0, 28))
def test_a_stretch_of_the_time_line_is_the_frame_nearest_to_its_middle(second: int, wide: int) -> None:
    fps = TASK["data"]["fps"]
    first = round(second * fps) + 1 - wide // 2
    item = {
        "from_name": NAMES.segments,
        "origin": "manual",
        "value": {
            "timelinelabels": [NAMES.missed_label],
            "ranges": [{"start": first, "end": first + wide // 2 * 2}],
        },
    }
    verdict = read([*untouched(), choice(NAMES.decision, "fix"), item])
    assert [one.index for one in verdict.added] == [second]


def test_the_models_own_keyframes_on_the_time_line_add_nothing() -> None:
    assert read([*untouched(), choice(NAMES.decision, "accept")]).added == ()


def test_a_field_of_another_screen_is_named() -> None:
    verdict = read([*untouched(), choice(NAMES.decision, "accept"), text("mood", "good <b>")])
    assert verdict.decision == "accept" and verdict.problems == ('unknown field mood: {"text": ["good <b>"]}',)
