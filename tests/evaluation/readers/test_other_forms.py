"""Outputs of LLaMA-Factory, lmms-eval and PGL-SUM: which line is about which video, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.cases import FullLength, Prediction, Predictions, Reference
from evaluation.matching import match
from evaluation.readers.predictions import read_predictions
from schemas.errors import ConfigError

FULL = FullLength(150, np.arange(0, 150, 15), np.array([[0, 149]]))
REFERENCES = [
    Reference("v_a", 10, texts=("A man runs. He falls.",), full=FULL, aliases=("video_1",)),
    Reference("b", 10, texts=("A dog barks.",)),
    Reference("c", 10),
]
LLAMA = [
    {"prompt": "<video>", "predict": "[00]A man runs. [99]He lies.", "label": "[00]A man runs. [50]He falls."},
    {"prompt": "<video>", "predict": "[50]A dog.", "label": "[50]a dog  barks ."},
    {"prompt": "<video>", "predict": "[10]A cat.", "label": "[10]Whatever."},
]
LMMS = [
    {"doc_id": 0, "target": "A man runs. He falls.", "filtered_resps": ["[00]A man runs."], "doc_hash": "x"},
    {"doc_id": 1, "target": "A dog barks.", "filtered_resps": [["[50]A dog."]], "doc_hash": "y"},
    {"doc_id": 2, "target": "", "resps": [["[10]A cat."]], "doc_hash": "z"},
]


def write(path: Path, records: list[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read(path: Path, references: list[Reference] = REFERENCES) -> Predictions:
    return read_predictions(path, references)


def chosen(prediction: Prediction) -> list[int]:
    assert prediction.selected is not None, prediction.failure
    return np.flatnonzero(prediction.selected).tolist()


def test_lines_in_the_order_of_the_references(tmp_path: Path) -> None:
    for records, first in ((LLAMA, "A man runs. He lies."), (LMMS, "A man runs.")):
        found = read(write(tmp_path / "p.jsonl", records)).items
        assert [item.id for item in found] == ["v_a", "b", "c"]
        assert found[0].text == first and chosen(found[1]) == [5] and chosen(found[2]) == [1]
    shuffled = read(write(tmp_path / "p.jsonl", [LMMS[2], LMMS[0], LMMS[1]])).items
    assert [item.id for item in shuffled] == ["c", "v_a", "b"], "`doc_id` is the place"


def test_another_number_of_lines_or_another_truth_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "generated_predictions.jsonl"
    with pytest.raises(ConfigError, match=r"2 lines for 3 references.*generated_predictions\.ids\.txt"):
        read(write(path, LLAMA[:2]))
    with pytest.raises(ConfigError, match=r"record 1: by the order of the references this is v_a, but its label"):
        read(write(path, [LLAMA[1], LLAMA[0], LLAMA[2]]))
    cut = [{**LLAMA[0], "label": "[00]A man ru"}, *LLAMA[1:]]
    assert read(write(path, cut)).items[0].failure is None, "a label may be cut off at a length limit"
    with pytest.raises(ConfigError, match=r"record 3: doc_id 3 outside 0\.\.2"):
        read(write(path, [*LMMS[:2], {**LMMS[2], "doc_id": 3}]))


def test_the_order_of_labels_of_marks_alone_is_checked(tmp_path: Path) -> None:
    keyframes = {"a": [0, 9], "b": [5], "c": [2, 7]}
    known = [Reference(id_, 10, selections=np.isin(np.arange(10), own)[None]) for id_, own in keyframes.items()]
    lines = [{"predict": "[00]", "label": "".join(f"[{11 * f:02d}]" for f in own)} for own in keyframes.values()]
    path = tmp_path / "p.jsonl"
    assert [item.id for item in read(write(path, lines), known).items] == ["a", "b", "c"]
    rounded = [lines[0], {**lines[1], "label": "[44]"}, {**lines[2], "label": "[22]"}]
    assert len(read(write(path, rounded), known).items) == 3, "the frame beside it, and a label that was cut off"
    with pytest.raises(ConfigError, match=r"the marks of 3 of 3 labels are not the keyframes.*record 1.*p\.ids\.txt"):
        read(write(path, [lines[1], lines[2], lines[0]]), known)
    seconds = [{**line, "label": line["label"].replace("99", "9.0"), "form": "seconds"} for line in lines[:1]]
    assert read(write(path, seconds), known[:1]).items[0].failure is None
    assert len(read(write(path, [{**line, "slots": "x"} for line in lines]), known).items) == 3


@pytest.mark.parametrize("name", ["p.ids.txt", "p.ids.json", "p.ids.jsonl"])
def test_a_list_of_ids_beside_the_file_says_the_order(tmp_path: Path, name: str) -> None:
    ids = ["b", "a", "gone"]
    text = {
        "txt": "\n".join(ids) + "\n",
        "json": json.dumps([{"id": id_, "conversations": []} for id_ in ids]),
        "jsonl": "".join(json.dumps({"video_id": id_}) + "\n" for id_ in ids),
    }[name.rsplit(".", 1)[1]]
    (tmp_path / name).write_text(text)
    path = write(tmp_path / "p.jsonl", [LLAMA[1], LLAMA[0], LLAMA[2]])
    found = read(path).items
    assert [item.id for item in found] == ["b", "v_a", "gone"] and (found[2].failure or "").startswith("unknown_video")
    with pytest.raises(ConfigError, match=rf"2 lines, but {name} has 3 ids"):
        read(write(path, LLAMA[:2]))
    assert [item.id for item in read(write(path, [{**LMMS[1], "doc_id": 0}])).items] == ["b"]


def test_names_in_the_lines_go_before_the_order(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", [{**LLAMA[1], "id": "b"}, {**LLAMA[0], "id": "a"}])
    assert [item.id for item in read(path).items] == ["b", "v_a"]
    docs = [{"video_id": "b"}, {"video": "videos/v_a.mp4", "id": "question 7"}]
    path = write(
        tmp_path / "q.jsonl", [{**line, "doc": doc} for line, doc in zip([LMMS[1], LMMS[0]], docs, strict=True)]
    )
    assert [item.id for item in read(path).items] == ["b", "v_a"]


def test_the_label_tells_the_task_and_keys_tell_the_form(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "predict": "[3s]A man.", "label": "[3.0]A man.", "form": "seconds"},
        {"id": "b", "predict": "A dog.", "label": "A dog barks."},
        {"id": "c", "predict": "[00] [99]", "label": "[00][50]"},
    ]
    first, second, third = read(write(tmp_path / "p.jsonl", lines)).items
    assert chosen(first) == [3] and second.selected is None and second.text == "A dog."
    assert chosen(third) == [0, 9] and third.text is None


def test_three_lines_of_a_video_one_for_each_task(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "predict": "[00][99]", "label": "[00]"},
        {"id": "a", "predict": "A man runs.", "label": "A man runs. He falls."},
        {"id": "a", "predict": "[50]Both.", "label": "[00]A man runs."},
    ]
    for order in ([0, 1, 2], [2, 1, 0], [0, 1], [1, 2], [0, 2]):
        found = read(write(tmp_path / "p.jsonl", [lines[i] for i in order]))
        (item,) = found.items
        assert item.id == "v_a" and item.failure is None
        assert chosen(item) == ([0, 9] if 0 in order else [5])
        assert item.text == ("A man runs." if 1 in order else "Both.")
        assert [p.reason for p in found.problems] == (["other_task"] if 2 in order else [])
    own = [
        {"id": "a", "task": "v2v", "text": "[777]"},
        {"id": "a", "task": "v2t", "text": "A man runs."},
        {"id": "b", "task": "v2v", "text": "[00]"},
        {"id": "b", "task": "v2v", "text": "[50]"},
    ]
    found = read(write(tmp_path / "o.jsonl", own))
    assert [(p.id, p.reason, p.counted) for p in found.problems] == [("v_a", "failed_task", "as_read")]
    assert found.items[0].text == "A man runs." and found.items[0].selected is None
    assert ("b", "duplicate_id") in [(p.id, p.reason) for p in match(REFERENCES, found.items).problems]
    failed = [{"id": "a", "task": "v2v", "text": ""}, {"id": "a", "task": "v2t", "text": ""}]
    assert read(write(tmp_path / "f.jsonl", failed)).items[0].failure


def test_answers_that_are_none(tmp_path: Path) -> None:
    lines = [
        {**LMMS[0], "filtered_resps": ["[00]A.", "[50]B."]},
        {**LMMS[1], "filtered_resps": []},
        {**LMMS[2], "resps": [["[10]A cat."], ["[10]A cat."]]},
    ]
    first, second, third = read(write(tmp_path / "p.jsonl", lines)).items
    assert (first.failure or "").startswith("ambiguous: 2 different answers")
    assert (second.failure or "").startswith("empty") and chosen(third) == [1]
    wrong = read(write(tmp_path / "q.jsonl", [{**LLAMA[0], "predict": 3}, *LLAMA[1:]])).items[0]
    assert (wrong.failure or "").startswith("wrong_type")


def test_the_scores_of_pgl_sum(tmp_path: Path) -> None:
    path = tmp_path / "SumMe_12.json"
    path.write_text(json.dumps({"video_1": list(range(150)), "b": [0.5] * 10, "c": [0.5] * 9, "d": [1]}))
    first, second, third, fourth = read(path).items
    assert first.id == "v_a" and first.scores is not None and first.scores.tolist() == list(range(0, 150, 15))
    assert second.score_source == "scores" and third.failure == "wrong_length: 9 scores for 10 frames"
    assert (fourth.failure or "").startswith("unknown_video")
    path.write_text('{"b": [1, 2, 3, 4, 5, 6, 7, 8, 9, 0], "b": [1]}')
    assert match(REFERENCES, read(path).items).pairs[1][1].failure
