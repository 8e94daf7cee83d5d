"""References and predictions of every kind are recognized; mixed and unknown kinds are refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.readers.any import kind_of, read_references, read_system, sha256_of
from schemas.errors import ConfigError
from tests.places import GROUNDTRUTH

TRUTH = GROUNDTRUTH
INSTRUCT = {
    "id": "v",
    "meta": {"duration": 2.0, "sampled_frames": 2, "token": {}},
    "conversations": [{"from": "gpt", "value": "[<f0>]A man."}],
    "vsum_onehot": [1, 0],
}
VIDEOXUM = {"video_id": "w", "duration": 2.0, "sampled_frames": 2, "tsum": ["One."], "vsum_onehot": [[1, 0], [0, 1]]}
DENSE = {"v_a": {"duration": 2.0, "timestamps": [[0, 1]], "sentences": ["One."]}}
LINE = {"qid": 1, "query": "One.", "duration": 2.0, "vid": "v_a", "relevant_windows": [[0, 1]]}


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_kinds_of_json(tmp_path: Path) -> None:
    files = {
        "instruct-v2xum": write(tmp_path / "test.json", [INSTRUCT]),
        "videoxum": write(tmp_path / "test_videoxum.json", [VIDEOXUM]),
        "activitynet": write(tmp_path / "val_1.json", DENSE),
    }
    for kind, path in files.items():
        assert kind_of(path) == kind
        (item,) = read_references(path).items
        assert item.frames == 2 and len(item.texts) == 1
    assert kind_of(write(tmp_path / "rows.jsonl", LINE)) == "activitynet"
    with pytest.raises(ConfigError, match="must be of one dataset, not of activitynet, videoxum"):
        read_references([files["activitynet"], files["videoxum"]])
    two = read_references([files["activitynet"], write(tmp_path / "val_2.json", DENSE)])
    assert two.items[0].texts == ("One.", "One.")
    val = write(tmp_path / "val_videoxum.json", [VIDEOXUM | {"video_id": "x"}])
    assert [i.id for i in read_references([files["videoxum"], val]).items] == ["w", "x"]
    assert [i.id for i in read_references([files["videoxum"], val], ["val"]).items] == ["x"]
    with pytest.raises(ConfigError, match=r"no split dev \(there are: test\)"):
        read_references(files["videoxum"], ["dev"])
    with pytest.raises(ConfigError, match=r"no split dev \(the data has no splits\)"):
        read_references(files["activitynet"], ["dev"])


def instruct(id_: str, answer: str, onehot: list[int]) -> dict[str, object]:
    return {
        "id": id_,
        "meta": {"duration": 3.0, "sampled_frames": 3, "token": {"<f0>": 0.0}},
        "conversations": [{"from": "human", "value": "<video>"}, {"from": "gpt", "value": answer}],
        "vsum_onehot": onehot,
    }


def test_three_records_of_a_video_one_for_each_task(tmp_path: Path) -> None:
    v2v, v2t = instruct("v", "[<f0>]", [1, 0, 0]), instruct("v", "A man eats.", [1, 0, 0])
    v2vt = instruct("v", "[<f0>]A man is eating.", [1, 0, 0])
    for records, text in (
        ([v2v, v2t, v2vt], "A man eats."),
        ([v2vt, v2v, v2t], "A man eats."),
        ([v2v, v2vt], "A man is eating."),
        ([v2vt, v2v], "A man is eating."),
    ):
        found = read_references(write(tmp_path / "test.json", records))
        assert [item.texts for item in found.items] == [(text,)] and found.problems == ()
    twice = read_references(write(tmp_path / "test.json", [v2v, v2t, v2t]))
    assert [(p.reason, p.counted) for p in twice.problems] == [("duplicate_id", "left_out")]
    other = read_references(write(tmp_path / "test.json", [v2v, instruct("v", "A man eats.", [0, 1, 0])]))
    assert [p.reason for p in other.problems] == ["duplicate_id"] and other.items[0].texts == ()
    three = [v2v, instruct("v", "A man eats.", [0, 1, 0]), v2vt]
    mixed = read_references(write(tmp_path / "test.json", three))
    assert mixed.items[0].texts == ("A man is eating.",), "no text of a record that is left out"
    assert len(mixed.problems) == 1


def test_rows_of_the_hub(tmp_path: Path) -> None:
    times = {"duration": 2.0, "timestamps": [[0, 1], [1, 2]]}
    rows = {
        "sentences": {"video_id": "v_a", **times, "sentences": ["One.", "Two."], "caption": "Other."},
        "captions": {"video_id": "v_a", **times, "captions": ["One.", "Two."]},
        "caption": {"video_id": "v_a", **times, "caption": "One. Two."},
        "leyo": {
            "video_id": "v_a", "duration": 2.0, "captions_starts": [0.0, 1.0], "captions_ends": [1.0, 2.0],
            "en_captions": ["One.", "Two."],
        },
    }  # fmt: skip
    for name, row in rows.items():
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / f"{name}.parquet")
        for path in (
            write(tmp_path / f"{name}.json", [row]),
            write(tmp_path / f"{name}.jsonl", row),
            write(tmp_path / f"{name}_viewer.json", {"features": [], "rows": [{"row_idx": 0, "row": row}]}),
            tmp_path / f"{name}.parquet",
        ):
            assert kind_of(path) == "activitynet"
            assert [(r.id, r.frames, r.texts) for r in read_references(path).items] == [("v_a", 2, ("One. Two.",))]
    bad = read_references(
        write(tmp_path / "bad.json", [rows["leyo"], {**rows["leyo"], "video_id": "b", "en_captions": ["x"]}])
    )
    assert [(p.id, p.reason) for p in bad.problems] == [("b", "wrong_length")]
    (tmp_path / "x.parquet").write_bytes(b"x")
    with pytest.raises(ConfigError, match="cannot be read as Parquet"):
        kind_of(tmp_path / "x.parquet")


def test_unknown_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file or folder"):
        kind_of(tmp_path / "absent")
    with pytest.raises(ConfigError, match="no Parquet shards"):
        kind_of(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ConfigError, match="this kind of references is not known"):
        kind_of(tmp_path / "notes.txt")
    with pytest.raises(ConfigError, match="records with the keys a, b: neither"):
        kind_of(write(tmp_path / "odd.json", [{"a": 1, "b": 2}]))
    with pytest.raises(ConfigError, match="the file has no records"):
        kind_of(write(tmp_path / "empty.json", []))
    with pytest.raises(ConfigError, match="not of none"):
        read_references([])


def test_sums_depend_on_names_and_contents(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.json", [1]), write(tmp_path / "b.json", [2])
    assert sha256_of(a) == hashlib.sha256(b"[1]").hexdigest()
    assert sha256_of([a]) == sha256_of(a) != sha256_of(b)
    assert sha256_of([a, b]) != sha256_of([b, a])
    before = sha256_of([a, b])
    write(b, [3])
    assert sha256_of([a, b]) != before


@pytest.mark.groundtruth
def test_the_real_folders() -> None:
    if not TRUTH.is_dir():
        pytest.skip("the ground truth is not here")
    assert kind_of(TRUTH / "summe") == "summe"
    assert kind_of(TRUTH / "tvsum") == kind_of(TRUTH / "tvsum" / "ydata-tvsum50.mat") == "tvsum"
    summe = read_references(TRUTH / "summe").items
    assert len(summe) == 25
    frames = {item.id: item.frames for item in summe}
    results = sorted((TRUTH / "summe" / "sumind_results").glob("*.h5"))
    read = [prediction for path in results for prediction in read_system(path, summe).items]
    # The files name videos by keys (video_1): only the names of video_names.json are ids of references. Each video
    # is in the test part of a fold, and has one score for each frame of its reference's grid.
    assert {prediction.id: len(prediction.scores) for prediction in read if prediction.scores is not None} == frames
    assert len(read) == len(frames)
