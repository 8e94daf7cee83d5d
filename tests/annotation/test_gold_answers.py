from __future__ import annotations

import json
from pathlib import Path

import pytest

from annotation.gold_answers import add_answers, known_answers, read_answers
from schemas.errors import ConfigError
from schemas.gold import Answer, Planted


def test_a_torn_file_of_answers_stops_everything_and_tells_none(tmp_path: Path) -> None:
    assert read_answers(tmp_path) is None and known_answers(tmp_path) == {}
    planted = Planted(kind="caption", time=1.0, true="the truth", shown="a lie")
    add_answers(tmp_path, {"a": Answer(planted=planted), "b": Answer()})
    add_answers(tmp_path, {"c": Answer()})
    assert {name: one.has_error for name, one in known_answers(tmp_path).items()} == {"a": True, "b": False, "c": False}
    path = tmp_path / "review" / "gold.json"
    whole = path.read_text()
    for torn in (whole[:-30], whole.replace("caption", "caption2"), "\x00", json.dumps({"answers": {}})):
        path.write_text(torn)
        for call in (lambda: known_answers(tmp_path), lambda: add_answers(tmp_path, {"d": Answer()})):
            with pytest.raises(ConfigError, match=r"gold\.json.*restore") as raised:
                call()
            assert "truth" not in str(raised.value) and whole.split('"key": "')[1][:16] not in str(raised.value)
        assert path.read_text() == torn
