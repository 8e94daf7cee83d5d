"""The study's cost of a whole video in one request, and a folder that was begun with other settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.speech_study.run import Wanted, recipe_cost, run
from schemas.errors import ConfigError


def test_what_is_said_costs_tokens_once_and_by_the_line() -> None:
    found = recipe_cost()
    assert found["lines"] > 4
    assert found["off"] + found["fixed"] < found["on"] < found["off"] + found["fixed"] + 60 * found["lines"]


def test_a_folder_of_other_settings_is_refused_and_stays(tmp_path: Path) -> None:
    about = json.dumps({"films": 3, "steps": 7})
    (tmp_path / "about.json").write_text(about)
    with pytest.raises(ConfigError, match="other settings"):
        run(Wanted(tmp_path, films=2, steps=7), pytest.fail)
    assert [path.name for path in tmp_path.iterdir()] == ["about.json"] and (
        tmp_path / "about.json"
    ).read_text() == about
