"""Lists of known benchmarks: every form of them, and what is no list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.release.splits.known import plain, read_benchmark
from schemas.errors import ConfigError
from tests.places import GROUNDTRUTH

FORMS = {
    "lines.txt": "v_uqiMw7tQ1Cc\nAwmHb44_ouw\n\n",
    "records.json": json.dumps([{"video_id": "v_uqiMw7tQ1Cc"}, {"video_id": "AwmHb44_ouw.mp4"}]),
    "keys.json": json.dumps({"uqiMw7tQ1Cc": "video_1", "AwmHb44_ouw": "video_2"}),
    "rows.jsonl": '{"vid": "v_uqiMw7tQ1Cc", "x": 1}\n{"vid": "AwmHb44_ouw"}\n',
    "bom.txt": "\ufeffuqiMw7tQ1Cc\r\n/data/videos/v_AwmHb44_ouw.mkv\r\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_ids_are_read_from_every_form(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FORMS[name], encoding="utf-8")
    found = read_benchmark(tmp_path / name)
    assert found.ids == {"uqiMw7tQ1Cc", "AwmHb44_ouw"}
    assert found.titles == frozenset()
    assert found.name == name.partition(".")[0]


def test_a_list_of_titles_holds_titles_also_where_one_looks_like_an_id(tmp_path: Path) -> None:
    path = tmp_path / "SumMe.txt"
    path.write_text("Base jumping\npaluma_jump\nEiffel Tower\n", encoding="utf-8")
    assert read_benchmark(path).titles == {"base jumping", "paluma jump", "eiffel tower"}
    assert plain("  BASE_jumping! ") == "base jumping"


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]", b"[1, 2]", b"\xff\xfe\x00", b"{broken\n", b"[" * 100_000])
def test_what_is_no_list_is_refused_with_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"list\.json"):
        read_benchmark(path)
    with pytest.raises(ConfigError, match=r"missing\.txt"):
        read_benchmark(tmp_path / "missing.txt")


@pytest.mark.groundtruth
def test_the_published_files_of_benchmarks_are_lists() -> None:
    if not GROUNDTRUTH.is_dir():
        pytest.skip("no annotations beside the repository")
    assert len(read_benchmark(GROUNDTRUTH / "tvsum" / "video_names.json").ids) == 50
    assert len(read_benchmark(GROUNDTRUTH / "summe" / "video_names.json").titles) == 25
    anet = read_benchmark(GROUNDTRUTH / "anet" / "activitynet_val_release.jsonl")
    assert len(anet.ids) > 4000
    assert anet.titles == frozenset()
