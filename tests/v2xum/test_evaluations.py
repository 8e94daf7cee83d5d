"""`v2xum.evaluate`: the numbers of the command, from files and from records, as tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import v2xum


@pytest.fixture
def records(released_root: Path) -> list[dict[str, object]]:
    table = v2xum.load_release(released_root).to_pandas()
    return [
        {"id": row.id, "selected": list(row.keyframe_seconds), "selected_as": "seconds"} for row in table.itertuples()
    ]


def test_records_and_files_give_the_same_numbers(
    released_root: Path, records: list[dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.jsonl").write_text("\n".join(map(json.dumps, records)))
    release = v2xum.load_release(released_root).path
    made = v2xum.evaluate(
        {"mine": records, "empty": [{**one, "selected": [0.0]} for one in records]}, release, text=False
    )
    again = v2xum.evaluate("mine.jsonl", [release], text=False, out="out")
    table = made.to_pandas().set_index(["system", "metric"])
    assert table.loc[("mine", "f1"), "value"] == 1.0 > table.loc[("empty", "f1"), "value"]
    assert table.loc[("mine", "f1"), "unit"] == "fraction" and table.loc[("mine", "f1"), "videos"] == len(records)
    assert again.to_pandas().set_index(["system", "metric"]).loc[("mine", "f1"), "value"] == 1.0
    assert again.page == Path("out/report.html") and again.page.is_file() and made.page is None
    assert {path.name for path in tmp_path.iterdir()} == {"mine.jsonl", "out"}
    videos = made.videos()
    assert set(videos["video"]) == {one["id"] for one in records} and {"system", "metric", "value"} <= set(videos)
    assert "mine" in made._repr_html_() and "random" in repr(made)


def test_what_cannot_be_used_is_told(released_root: Path, records: list[dict[str, object]]) -> None:
    release = v2xum.load_release(released_root).path
    wrong: list[tuple[object, dict[str, object], str]] = [
        ({"a=b": records}, {}, "neither = nor /"),
        ({"a": "nowhere.jsonl"}, {}, "no such file"),
        ({"a": [{"id": "v000", "selectd": [1]}]}, {}, "selectd"),
        ({"a": [{"id": object()}]}, {}, "a prediction is a mapping"),
        ({}, {}, "predictions"),
        ({"a": records}, {"seed": -1}, "seed"),
        ({"a": records}, {"split": "dev"}, "no split"),
    ]
    for predictions, options, told in wrong:
        with pytest.raises(v2xum.ConfigError, match=told):
            v2xum.evaluate(predictions, release, **{"text": False, **options})  # type: ignore[arg-type]
