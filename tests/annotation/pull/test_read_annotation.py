from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.label_studio.interface import DECISIONS, JUDGEMENTS, NAMES, shown
from annotation.pull.read_annotation import EMPTY, NO_REGION, SKIPPED, read_annotation
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


def read(result: Any, task: dict[str, Any] = TASK, **fields: Any) -> Verdict:
    annotation = {
        "id": 9,
        "unique_id": "9c0d",
        "result": result,
        "lead_time": 31.26,
        "updated_at": "2026-01-02T03:04:05.678901Z",
        **fields,
    }
    return read_annotation(task, annotation, "p" * 32, "annotator-1")


def without(name: str, place: int) -> list[dict[str, Any]]:
    """What comes back when one keyframe's mark or caption is missing."""
    return [item for item in untouched() if item["from_name"] != name or item["value"]["start"] != str(place)]


def region(place: int, mark: str | None, *texts: str) -> list[dict[str, Any]]:
    """A keyframe's region with its mark and its caption, as the screen sends them."""
    where = {"start": str(place), "end": str(place), "startOffset": 0, "endOffset": 5}
    part = {"id": f"{NAMES.region}{place}", "to_name": NAMES.script, "origin": "prediction-changed"}
    mark = mark or NAMES.unjudged
    return [
        part | {"from_name": NAMES.marks, "type": "paragraphlabels", "value": where | {"paragraphlabels": [mark]}},
        part | {"from_name": NAMES.captions, "type": "textarea", "value": where | {"text": list(texts)}},
    ]


def first_version(**fields: Any) -> dict[str, Any]:
    """The task as the first version of the screen had it."""
    data = {name: value for name, value in TASK["data"].items() if name not in ("title", "pictures")}
    frames = [frame | {"html": "<img>"} for frame in data["frames"]]
    return TASK | {"data": data | {"interface": 1, "frames": frames}} | fields


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
    version=st.sampled_from([1, 2]),
)
def test_what_was_entered_comes_back(
    decision: str,
    reasons: set[str],
    rating: int | None,
    judged: list[str | None],
    captions: list[str],
    summary: str,
    version: int,
) -> None:
    if version == 1:
        task = first_version()
        entered = [text(f"{NAMES.caption}{place}", caption) for place, caption in enumerate(captions)]
        entered += [choice(f"{NAMES.judged}{place}", word) for place, word in enumerate(judged) if word]
    else:
        task = TASK
        pairs = zip(judged, captions, strict=True)
        entered = [part for place, (mark, caption) in enumerate(pairs) for part in region(place, mark, caption)]
    result = [
        choice(NAMES.decision, decision),
        choice(NAMES.reasons, *map(shown, reasons)),
        text(NAMES.summary, summary),
        *entered,
    ]
    if rating is not None:
        result.append({"from_name": NAMES.rating, "value": {"rating": rating}})
    verdict = read(json.loads(json.dumps(result)), task)
    assert verdict.problems == ()
    assert (verdict.decision, set(verdict.reasons), verdict.rating) == (decision, reasons, rating)
    assert [one.judged for one in verdict.keyframes] == judged
    for one, written, before in zip(verdict.keyframes, captions, CAPTIONS, strict=True):
        assert one.changed == (written.split() != before.split())
        assert one.caption == (written if one.changed else before)
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
    emptied = read([*without(NAMES.captions, 1), region(1, None, "")[1], choice(NAMES.decision, "fix")])
    assert [(one.caption, one.changed) for one in emptied.keyframes][1] == ("", True)
    assert emptied.summary is None
    bare = read([choice(NAMES.decision, "accept")])
    assert not any(one.changed for one in bare.keyframes) and bare.summary is None


def test_an_emptied_text_of_the_first_version_is_an_edit() -> None:
    others = [text(NAMES.summary, TASK["data"]["summary"]), choice(NAMES.decision, "fix")]
    task = first_version()
    emptied = read([text(f"{NAMES.caption}0", CAPTIONS[0]), text(f"{NAMES.caption}2", CAPTIONS[2]), *others], task)
    assert [one.changed for one in emptied.keyframes] == [False, True, False]
    assert all(one.caption == "" for one in read(others, task).keyframes)
    reopened = read(others)  # opened again in this version's screen, which forgets the earlier one's texts
    assert not any(one.changed for one in reopened.keyframes) and reopened.problems == (NO_REGION,)


def test_a_keyframe_whose_region_was_deleted_is_dropped() -> None:
    gone = [item for item in without(NAMES.marks, 1) if item in without(NAMES.captions, 1)]
    verdict = read([*gone, choice(NAMES.decision, "fix")])
    assert [(one.judged, one.changed) for one in verdict.keyframes] == [(None, False), ("drop", False), (None, False)]
    again = [*gone, *region(1, "ok")[:1], choice(NAMES.decision, "fix")]  # marked anew, without a text to correct
    assert [(one.judged, one.changed) for one in read(again).keyframes][1] == ("ok", False)


@pytest.mark.parametrize("place", ["3", "-1", "x", None, "1.0", "²"])
def test_a_mark_of_no_keyframe_is_named(place: str | None) -> None:
    mark = region(0, "drop")[0]
    odd = mark | {"value": mark["value"] | {"start": place}}
    verdict = read([*untouched(), choice(NAMES.decision, "accept"), odd])
    assert [one.judged for one in verdict.keyframes] == [None] * 3 and verdict.problems[0].startswith("marks of no")


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


@pytest.mark.parametrize("decision", ["accept", "fix"])
def test_deleting_the_regions_of_all_keyframes_is_told_and_not_taken_for_unchanged(decision: str) -> None:
    left = [item for item in untouched() if item["from_name"] not in (NAMES.marks, NAMES.captions)]
    verdict = read([*left, choice(NAMES.decision, decision)])
    assert verdict.problems == (NO_REGION,) and verdict.decision == decision
    assert [one.judged for one in verdict.keyframes] == [None] * 3
    assert read([choice(NAMES.decision, decision)]).problems == (), "whoever sent no field at all deleted none"
    one = [*left, *region(1, "ok"), choice(NAMES.decision, "fix")]
    assert read(one).problems == () and [k.judged for k in read(one).keyframes] == ["drop", "ok", "drop"]


def test_a_task_of_more_frames_than_any_video_has_is_unreadable() -> None:
    task = json.loads(json.dumps(TASK))
    task["data"]["sampled_frames"] = 10**400
    with pytest.raises(Unreadable):
        read([text(NAMES.missed, "0:03 a bird")], task)


@pytest.mark.parametrize("lead", [10**400, -1, float("inf"), float("nan"), "3", True], ids=lambda lead: str(lead)[:5])
def test_a_time_that_nobody_can_have_taken_is_not_known(lead: object) -> None:
    assert read(untouched(), lead_time=lead).seconds is None
