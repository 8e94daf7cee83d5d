"""A system's predictions from files: this project's form, V2Xum-LLaMA's form, and faulty records of both."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.cases import Prediction, Predictions, Reference
from evaluation.matching import match
from evaluation.readers.activitynet import read_activitynet
from evaluation.readers.predictions import KEYS, read_predictions
from models.summarizers.slots import SlotMap
from schemas.errors import ConfigError
from tests.places import GROUNDTRUTH

ANET = GROUNDTRUTH / "anet"
REFERENCES = [Reference(id_, 10) for id_ in ("v", "w", "x")]


def read(tmp_path: Path, *records: Any, name: str = "p.json") -> Predictions:
    path = tmp_path / name
    lines = "\n".join(json.dumps(record) for record in records)
    path.write_text(lines if name.endswith("l") else json.dumps(list(records)), encoding="utf-8")
    return read_predictions(path, REFERENCES)


def one(tmp_path: Path, **record: Any) -> Prediction:
    return read(tmp_path, {"id": "v", **record}).items[0]


def chosen(prediction: Prediction) -> list[int]:
    assert prediction.selected is not None, prediction.failure
    return np.flatnonzero(prediction.selected).tolist()


def test_texts_in_every_form(tmp_path: Path) -> None:
    assert chosen(one(tmp_path, text="[00]A man. [99]A dog.")) == [0, 9]
    assert chosen(one(tmp_path, text="A man [00]. A dog [98, 99].")) == [0, 9]
    assert chosen(one(tmp_path, text="[0.0]A man. [3.0]A dog.", form="seconds")) == [0, 3]
    stored = one(tmp_path, text="[<f0>]A man. [<f1>]A dog.", form="stored", token={"<f0>": 1, "<f1>": 8.0})
    assert chosen(stored) == [1, 8]
    assert stored.text == "A man. A dog."
    assert stored.score_source == "selection"
    assert chosen(one(tmp_path, text="[0]A. [7]B.", slots=10)) == [0, 7]
    assert one(tmp_path, text="A man.", task="v2t").selected is None
    assert one(tmp_path, text="[00][99]", task="v2v").text is None


@pytest.mark.parametrize(
    ("text", "frames", "words"),
    [
        ("[3]A man.", [3], "A man."),
        ("[3.0]A man.", [3], "A man."),
        ("[03]A man.", [3], "A man."),
        ("[0:03]A man.", [3], "A man."),
        ("[00:03]A man.", [3], "A man."),
        ("[3s]A man.", [3], "A man."),
        ("[3.0 - 5.0]A man.", [3, 4, 5], "A man."),
        ("From 3 to 5 seconds, a man eats.", [3, 4, 5], "a man eats."),
        ("A man eats [3s, 0:05].", [3, 5], "A man eats."),
        ("[00:03 - 00:05] A man. [7 sec]He leaves.", [3, 4, 5, 7], "A man. He leaves."),
        ("3.0 - 5.0 seconds, a man. 7 to 8 seconds, a dog.", [3, 4, 5, 7, 8], "a man. a dog."),
        ("[8 - 10]A man.", [8, 9], "A man."),
    ],
)
def test_seconds_as_people_and_models_write_them(tmp_path: Path, text: str, frames: list[int], words: str) -> None:
    prediction = one(tmp_path, text=text, form="seconds")
    assert chosen(prediction) == frames and prediction.text == words


def test_a_file_in_another_form_is_refused_with_the_form_that_fits(tmp_path: Path) -> None:
    for texts in (
        ["[3.0]A man. [5.0]A dog.", "[7.0]A cat."],
        ["[0:03]A man.", "[0:07]A cat."],
        ["A man [3s].", "[3.0 - 5.0]A cat."],
    ):
        records = [{"id": id_, "text": text} for id_, text in zip("vw", texts, strict=True)]
        with pytest.raises(ConfigError, match=r'as slots \(record 1: .*are as seconds: .*"form": "seconds"'):
            read(tmp_path, *records)
        assert not read(tmp_path, *[{**record, "form": "seconds"} for record in records]).problems
    slots = [{"id": "v", "text": "[09]A man. [60]A dog.", "form": "seconds"}, {"id": "w", "text": "[80]A cat."}]
    with pytest.raises(ConfigError, match='"form": "slots"'):
        read(tmp_path, *[{**record, "form": "seconds"} for record in slots])
    with pytest.raises(ConfigError, match='"form": "slots"'):
        read(tmp_path, {"id": "v", "text": "[09] [60] [99]", "task": "v2v", "form": "seconds"})
    # A model that fails now and then does not hide that all its other times are seconds.
    many = [{"id": id_, "text": "[1.0][2.0][3.0][4.0][5.0]A man."} for id_ in "vw"]
    with pytest.raises(ConfigError, match='"form": "seconds"'):
        read(tmp_path, *many, {"id": "x", "text": "[7777]A man."})
    # One bad time among many is the model's, and times that fit no form are failures of their videos.
    assert read(tmp_path, {"id": "v", "text": "[00][10][20][30][40]A man. [7.0]A dog."}).problems
    assert read(tmp_path, {"id": "v", "text": "[777]A man."}).items[0].failure


def test_a_selection_goes_before_the_marks_of_the_text(tmp_path: Path) -> None:
    both = one(tmp_path, selected=[3], text="[777]A man.")
    assert chosen(both) == [3] and both.text == "A man." and both.failure is None


@pytest.mark.parametrize("more", [{}, {"task": "v2t"}, {"task": "v2vt"}])
def test_words_beside_scores_leave_the_summary_to_the_scores(tmp_path: Path, more: dict[str, str]) -> None:
    scores = [float(i) for i in range(10)]
    for text in ("A man runs.", "In [2019] a man runs."):
        found = one(tmp_path, scores=scores, text=text, **more)
        assert found.failure is None and found.selected is None, "no empty selection, which would have F1 0"
        assert found.scores is not None and found.scores.tolist() == scores and found.score_source == "scores"
        assert (found.text or "").endswith("a man runs.") or found.text == text
    assert chosen(one(tmp_path, scores=scores, text="[00]A man runs.")) == [0], "marks that name frames count"
    assert one(tmp_path, scores=scores, text="[777]", task="v2v").failure is None


def test_a_full_stop_after_a_mark_stands_once(tmp_path: Path) -> None:
    assert one(tmp_path, text="A. [08]. B! [09]. C [10].").text == "A. B! C."


def test_selections_and_scores(tmp_path: Path) -> None:
    assert chosen(one(tmp_path, selected=[0, 1, 0, 0, 0, 0, 0, 0, 0, 1])) == [1, 9]
    assert chosen(one(tmp_path, selected=[False] * 9 + [True])) == [9]
    assert chosen(one(tmp_path, selected=[1, 9])) == [1, 9]
    assert chosen(one(tmp_path, selected=[])) == []
    both = one(tmp_path, selected=[3], text="[00]A man.")
    assert chosen(both) == [3] and both.text == "A man."
    scores = list(range(10))
    ranked = one(tmp_path, scores=scores, frame_probabilities=[0.5] * 10, slot_probabilities=[0.1] * 100)
    assert ranked.scores is not None and ranked.scores.tolist() == scores and ranked.score_source == "scores"
    assert ranked.selected is None
    assert one(tmp_path, frame_probabilities=[0.5] * 10).score_source == "token_probabilities"
    slots = one(tmp_path, slot_probabilities={"9": 0.5, "099": 1.0}, text="[00]A man.")
    assert slots.scores is not None and slots.score_source == "token_probabilities"
    np.testing.assert_array_equal(slots.scores, SlotMap().scores({9: 0.5, 99: 1.0}, 10))
    assert chosen(slots) == [0]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "empty"),
        ({"text": None}, "empty"),
        ({"text": ""}, "empty"),
        ({"text": "[777]"}, "unreadable_times"),
        ({"text": "[777]A man runs."}, "unreadable_times"),
        ({"text": "A man runs [150]."}, "unreadable_times"),
        ({"text": "[99.0]A man.", "form": "seconds"}, "unreadable_times"),
        ({"text": "[1:30]A man.", "form": "seconds"}, "unreadable_times"),
        ({"text": "[<f9>]A man.", "form": "stored", "token": {"<f0>": 1}}, "unreadable_times"),
        ({"text": "[777]A man.", "slot_probabilities": [0.1] * 100}, "unreadable_times"),
        ({"text": 3}, "wrong_type"),
        ({"text": ["a"]}, "wrong_type"),
        ({"error": "the server was gone"}, "error"),
        ({"scores": [1, 2, 3]}, "wrong_length"),
        ({"scores": [math.nan] * 10}, "not_finite"),
        ({"scores": [10**400] * 10}, "not_finite"),
        ({"scores": ["a"] * 10}, "wrong_type"),
        ({"scores": [[1]] * 10}, "wrong_length"),
        ({"selected": [10]}, "out_of_range"),
        ({"selected": [-1]}, "out_of_range"),
        ({"selected": [10**400]}, "wrong_type"),
        ({"selected": [0.5]}, "wrong_type"),
        ({"selected": [math.nan]}, "wrong_type"),
        ({"selected": ["3"]}, "wrong_type"),
        ({"selected": 3}, "wrong_type"),
        ({"slot_probabilities": [0.5]}, "out_of_range"),
        ({"slot_probabilities": {"x": 0.5}}, "out_of_range"),
        ({"slot_probabilities": {"100": 0.5}}, "out_of_range"),
        ({"slot_probabilities": {"9": 0.5, "09": 0.5}}, "duplicate_key"),
        ({"slot_probabilities": {"9": -2.5}}, "out_of_range"),
        ({"text": "[00]A.", "form": "frames"}, "out_of_range"),
        ({"text": "[00]A.", "task": ["v2v"]}, "out_of_range"),
        ({"text": "[00]A.", "slots": 1}, "out_of_range"),
        ({"text": "[00]A.", "slots": 10**30}, "out_of_range"),
        ({"text": "[<f0>]A.", "form": "stored", "token": {"<f0>": "3"}}, "wrong_type"),
    ],
)
def test_a_bad_record_is_the_failure_of_its_video(tmp_path: Path, record: dict[str, Any], reason: str) -> None:
    found = read(tmp_path, {"id": "v", **record}, {"id": "w", "scores": [1] * 10}, {"id": "x", "selected": [1]})
    assert found.items[0].failure is not None
    assert found.items[0].failure.partition(": ")[0] == reason
    assert [item.failure for item in found.items[1:]] == [None, None]
    problems = match(REFERENCES, found.items).problems
    assert [(p.id, p.reason, p.counted) for p in problems] == [("v", reason, "worst")]


def test_misspelt_keys_are_errors_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"p.json, record 2: unknown key 'score'; did you mean 'scores'\?"):
        read(tmp_path, {"id": "v", "scores": [1] * 10}, {"id": "w", "score": [1] * 10})
    with pytest.raises(ConfigError, match="record 1: no id"):
        read(tmp_path, {"video": "v"})
    with pytest.raises(ConfigError, match="the file has no predictions"):
        read(tmp_path)
    assert {"id", "text", "selected", "scores", "slot_probabilities", "error"} < set(KEYS)


def test_lines_objects_unknown_videos_and_duplicates(tmp_path: Path) -> None:
    found = read(tmp_path, {"id": "v", "selected": [1]}, {"id": "y", "selected": [99]}, name="p.jsonl")
    assert [item.id for item in found.items] == ["v", "y"]
    (tmp_path / "o.json").write_text('{"v": {"selected": [1]}, "w": {"selected": [2]}}')
    assert [chosen(item) for item in read_predictions(tmp_path / "o.json", REFERENCES).items] == [[1], [2]]
    twice = read(tmp_path, {"id": "v", "selected": [1]}, {"id": "v", "selected": [2]}, {"id": "y"})
    matched = match(REFERENCES[:1], twice.items)
    assert [(p.id, p.reason, p.counted) for p in matched.problems] == [
        ("y", "unknown_video", "left_out"),
        ("v", "duplicate_id", "worst"),
    ]


def test_what_was_read_in_part_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, {"id": "v", "text": "[00]A man. [150]A dog. [151]A cat."})
    assert [(p.id, p.reason, p.counted) for p in found.problems] == [("v", "read_in_part", "as_read")]
    assert "[150]" in found.problems[0].detail and "(and 3 more)" in found.problems[0].detail
    assert found.items[0].failure is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([key for key in KEYS if key != "id"]), JSON, max_size=5))
def test_whatever_a_record_holds_it_stays_with_its_video(tmp_path: Path, record: dict[str, Any]) -> None:
    found = read(tmp_path, {"id": "v", **record}, {"id": "w", "selected": [1]})
    assert [item.id for item in found.items] == ["v", "w"]
    pairs = match(REFERENCES[:2], found.items).pairs
    assert pairs[1][1].failure is None
    for values in (pairs[0][1].scores, pairs[0][1].selected):
        assert values is None or values.shape == (10,)


@pytest.mark.groundtruth
def test_the_real_outputs_of_v2xum_llama() -> None:
    if not ANET.is_dir():
        pytest.skip("the ground truth is not here")
    references = read_activitynet([ANET / "captions_1905_complete.json"]).items
    found = read_predictions(ANET / "v2xumllama_predictions.json", references)
    matched = match(references, found.items)
    assert [(p.id, p.reason, p.counted) for p in matched.problems] == [("v_FV2TzKt9MdI", "generation_failed", "worst")]
    assert len(matched.pairs) == 1905
    # One output repeats itself up to its length limit and ends without a time: the sentences before count.
    assert [(p.reason, p.detail[:35]) for p in found.problems] == [
        ("read_in_part", "a sentence without a time: 'He swin")
    ]
    fine = [prediction for _, prediction in matched.pairs if prediction.failure is None]
    assert sum(not p.selected.any() for p in fine if p.selected is not None) == 0
    assert all(p.text and "[" not in p.text for p in fine)
