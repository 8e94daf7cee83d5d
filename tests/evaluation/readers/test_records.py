"""Records of reference data: what the readers make of right, wrong and hostile ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.readers.activitynet import read_activitynet
from evaluation.readers.instruct_v2xum import read_instruct
from evaluation.readers.records import load_rows, printable
from evaluation.readers.videoxum import read_videoxum
from schemas.errors import ConfigError
from tests.places import GROUNDTRUTH

ANET = GROUNDTRUTH / "anet"


def instruct(id_: str = "v", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "meta": {"duration": 4.0, "sampled_frames": 4, "token": {"<f0>": 0.0, "<f1>": 3.0}},
        "conversations": [
            {"from": "human", "value": "<video>\nPlease generate BOTH ..."},
            {"from": "gpt", "value": r"[<f0>]A man runs. [<f1>]It says \[12]."},
        ],
        "vsum_onehot": [1, 0, 0, 1],
    } | changes


def videoxum(id_: str = "v", **changes: Any) -> dict[str, Any]:
    return {
        "video_id": id_,
        "duration": 2.7,
        "sampled_frames": 3,
        "timestamps": [[0.0, 1.0], [1.0, 2.0]],
        "tsum": ["A man runs.", " He stops."],
        "vsum": [],
        "vsum_onehot": [[1, 0, 0]] * 9 + [[0, 1, 1]],
    } | changes


def write(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_instruct(tmp_path: Path) -> None:
    found = read_instruct(write(tmp_path / "test.json", [instruct("a"), instruct("b", vsum_onehot=[0, 0, 0, 0])]))
    assert not found.problems
    a, b = found.items
    assert (a.id, a.frames, a.fps, a.split) == ("a", 4, 1.0, "test")
    assert a.texts == ("A man runs. It says [12].",)
    assert a.selections is not None and a.selections.tolist() == [[True, False, False, True]]
    assert b.selections is not None and not b.selections.any()


def test_videoxum(tmp_path: Path) -> None:
    (one,) = read_videoxum(write(tmp_path / "val_videoxum.json", [videoxum()])).items
    assert (one.id, one.frames, one.split) == ("v", 3, "val")
    assert one.texts == ("A man runs. He stops.",)
    assert one.selections is not None and one.selections.shape == (10, 3)
    np.testing.assert_allclose(one.selections.mean(axis=0), [0.9, 0.1, 0.1])


def test_activitynet_in_its_three_forms_and_two_files(tmp_path: Path) -> None:
    body = {"duration": 82.73, "timestamps": [[0, 19.8], [17.0, 60.0]], "sentences": ["One.", " Two."]}
    original = write(tmp_path / "val_1.json", {"v_a": body})
    listed = write(tmp_path / "val_2.json", [{"video_id": "v_a", **body, "sentences": ["Other.", "Text."]}])
    rows = [
        {"qid": n, "query": text, "duration": 82.73, "vid": "v_a", "relevant_windows": [window]}
        for n, (text, window) in enumerate(zip(body["sentences"], body["timestamps"], strict=True))  # type: ignore[arg-type]
    ]
    lines = write(tmp_path / "val.jsonl", "\n".join(map(json.dumps, rows)))
    assert [i.texts for i in read_activitynet([original]).items] == [("One. Two.",)]
    (both,) = read_activitynet([original, listed]).items
    assert both.texts == ("One. Two.", "Other. Text.")
    assert both.frames == 83, "as VideoXum samples this very length"
    assert both.selections is None
    assert [(i.id, i.texts, i.frames) for i in read_activitynet([lines]).items] == [("v_a", ("One. Two.",), 83)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"vsum_onehot": [1, 0, 0]}, "wrong_length"),
        ({"vsum_onehot": [1, 0, 0, 2]}, "out_of_range"),
        ({"vsum_onehot": [1, 0, 0, None]}, "wrong_type"),
        ({"vsum_onehot": ["1", "0", "0", "1"]}, "wrong_type"),
        ({"vsum_onehot": [1, 0, 0, float("nan")]}, "not_finite"),
        ({"vsum_onehot": [[1, 0, 0, 1]]}, "wrong_length"),
        ({"vsum_onehot": [[1], [0, 1]]}, "wrong_length"),
        ({"vsum_onehot": []}, "empty"),
        ({"vsum_onehot": {"0": 1}}, "wrong_type"),
        ({"meta": None}, "wrong_type"),
        ({"meta": {"sampled_frames": 10**400}}, "out_of_range"),
        ({"meta": {"sampled_frames": True}}, "wrong_type"),
        ({"conversations": [{"from": "gpt", "value": 3}]}, "wrong_type"),
        ({"conversations": "text"}, "wrong_type"),
    ],
)
def test_a_bad_record_is_left_out_and_the_others_stay(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    found = read_instruct(write(tmp_path / "d.json", [instruct("a"), instruct("bad", **changes), instruct("c")]))
    assert [item.id for item in found.items] == ["a", "c"]
    assert [(p.id, p.reason, p.counted) for p in found.problems] == [("bad", reason, "left_out")]
    assert "record 2" in found.problems[0].detail


def test_ragged_annotators_and_other_lengths(tmp_path: Path) -> None:
    bad = [
        videoxum("ragged", vsum_onehot=[[1, 0, 0], [1, 0]]),
        videoxum("short", sampled_frames=9),
        videoxum("flat", vsum_onehot=[1, 0, 0]),
        videoxum("text", tsum=[3]),
    ]
    found = read_videoxum(write(tmp_path / "x.json", [*bad, videoxum("fine")]))
    assert [item.id for item in found.items] == ["fine"]
    assert [p.id for p in found.problems] == ["ragged", "short", "flat", "text"]
    bodies = {
        "late": {"duration": 1e300, "timestamps": [], "sentences": []},
        "none": {"duration": 0, "timestamps": [], "sentences": []},
        "few": {"duration": 9, "timestamps": [], "sentences": ["One."]},
        "fine": {"duration": 9, "timestamps": [[0, 1]], "sentences": ["One."]},
    }
    dense = read_activitynet([write(tmp_path / "a.json", bodies)])
    assert [item.id for item in dense.items] == ["fine"]
    assert [(p.id, p.reason) for p in dense.problems] == [
        ("late", "out_of_range"),
        ("none", "out_of_range"),
        ("few", "wrong_length"),
    ]


def test_what_is_no_record_among_records_of_sentences(tmp_path: Path) -> None:
    row = {"vid": "v_a", "query": "One.", "duration": 9, "relevant_windows": [[0, 1]]}
    found = read_activitynet([write(tmp_path / "a.json", {"x": 5, "v_a": row, "y": None})])
    assert [item.id for item in found.items] == ["v_a"]
    assert [(p.id, p.reason, p.counted) for p in found.problems] == [
        ("x", "wrong_type", "left_out"),
        ("y", "wrong_type", "left_out"),
    ]
    with pytest.raises(ConfigError, match=r"a.json, record 2: no id"):
        read_activitynet([write(tmp_path / "a.json", [row, 5])])


def test_repeated_ids_and_keys(tmp_path: Path) -> None:
    twice = read_instruct(write(tmp_path / "a.json", [instruct("a"), instruct("a")]))
    assert len(twice.items) == 1
    assert [(p.id, p.reason) for p in twice.problems] == [("a", "duplicate_id")]
    body = json.dumps({"duration": 9, "timestamps": [[0, 1]], "sentences": ["One."]})
    keyed = read_activitynet([write(tmp_path / "b.json", f'{{"v": {body}, "w": {body}, "v": {body}}}')])
    assert [item.id for item in keyed.items] == ["v", "w"]
    assert [(p.id, p.reason) for p in keyed.problems] == [("v", "duplicate_id")]
    text = json.dumps(instruct("a")).replace('"vsum_onehot"', '"vsum_onehot": [1], "vsum_onehot"')
    inner = read_instruct(write(tmp_path / "c.json", f"[{text}, {json.dumps(instruct('b'))}]"))
    assert [(p.id, p.reason) for p in inner.problems] == [("a", "duplicate_key")]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('[{"id": "a"},\n {"id": }]', r"line 2: this is no JSON"),
        ("", r"line 1: this is no JSON"),
        ("[" * 100_000, r"nested too deeply"),
        ('"text"', r"neither a list of records nor an object"),
        ("[3]", r"record 1: no id"),
        ('[{"id": 7}]', r"record 1: no id \(id must be text, not 7\)"),
        ('[{"id": ""}]', r"record 1: no id"),
        ('[{"di": "a"}]', r"record 1: no id \(id must be text, not None\)"),
    ],
)
def test_what_no_id_can_be_found_for_is_an_error_of_the_file(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match) as caught:
        read_instruct(write(tmp_path / "d.json", text))
    assert str(tmp_path / "d.json") in str(caught.value)


def test_lines_name_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"d.jsonl, line 3: this is no JSON"):
        load_rows(write(tmp_path / "d.jsonl", '{"id": "a"}\n\n{"id": \n'))
    with pytest.raises(ConfigError, match=r"line 1: nested too deeply"):
        load_rows(write(tmp_path / "e.jsonl", "[" * 100_000))
    lines = '{"id": "a"}\n{"id": "b"}\n'
    assert [row.number for row in load_rows(write(tmp_path / "odd.json", lines))] == [1, 2], "whatever it is called"
    (tmp_path / "latin.json").write_bytes(b'[{"id":\n "caf\xe9"}]')
    with pytest.raises(ConfigError, match=r"line 2: this is no UTF-8 text"):
        load_rows(tmp_path / "latin.json")
    with pytest.raises(ConfigError, match="No such file"):
        load_rows(tmp_path / "absent.json")


def test_odd_unicode_in_ids_and_texts(tmp_path: Path) -> None:
    answer = [{"from": "gpt", "value": "A man \ud800 runs \u2028 fast."}]
    found = read_instruct(write(tmp_path / "d.json", [instruct("v\udfff", conversations=answer), instruct("東京")]))
    assert [item.id for item in found.items] == ["v\\udfff", "東京"]
    assert found.items[0].texts == ("A man \ufffd runs \u2028 fast.",)
    assert printable("a\nb\x00\ud800" + "x" * 500, 20) == "a\\x0ab\\x00\\ud800" + "x" * 10 + "..."


@pytest.mark.groundtruth
def test_the_real_files() -> None:
    if not ANET.is_dir():
        pytest.skip("the ground truth is not here")
    listed = read_activitynet([ANET / "captions_1905_complete.json"])
    assert len(listed.items) == 1905
    captions = {r["video_id"]: r["caption"] for r in json.loads((ANET / "captions_1905_complete.json").read_text())}
    # Their own captions are the same sentences, joined by a space.
    assert all(item.texts == (captions[item.id],) for item in listed.items)
    lines = read_activitynet([ANET / "activitynet_val_release.jsonl"])
    count = len({json.loads(x)["vid"] for x in (ANET / "activitynet_val_release.jsonl").read_text().splitlines()})
    assert len(lines.items) == count
    assert not listed.problems and not lines.problems
