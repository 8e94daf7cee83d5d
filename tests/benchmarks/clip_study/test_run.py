"""The study on two films: each condition asks as its name says, and nothing is made twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.clip_study.curation import SIZES, config_of
from benchmarks.clip_study.run import Wanted, recipe_cost, run
from demo.films import films
from schemas.errors import ConfigError


def test_the_prompt_of_a_clip_is_longer_than_that_of_a_frame() -> None:
    found = recipe_cost()
    assert found["clip"] > found["frame"] > 10 * found["name"] > 0


def test_conditions_differ_in_what_a_request_shows_alone(tmp_path: Path) -> None:
    for unit in ("frame", "clip"):
        (tmp_path / unit).mkdir()
    asked = {condition: config_of(condition, tmp_path).caption for condition in SIZES}
    assert [one.pictures for one in asked.values()] == [1, 3, 5, 9]
    assert {one.asked for one in asked.values()} == {"caption-tiny.v1", "caption-clip-tiny.v1"}
    others = [one.model_dump(exclude={"unit", "clip_frames"}) for one in asked.values()]
    assert others == [others[0]] * len(others)


def test_a_folder_of_other_settings_is_refused_and_stays(tmp_path: Path) -> None:
    about = json.dumps({"films": 3, "steps": 7})
    (tmp_path / "about.json").write_text(about)
    with pytest.raises(ConfigError, match="other settings"):
        run(Wanted(tmp_path, films=2, steps=7), pytest.fail)
    assert [path.name for path in tmp_path.iterdir()] == ["about.json"]


@pytest.mark.slow
def test_a_captioner_that_learned_nothing_is_told_as_such(tmp_path: Path) -> None:
    """Without a step of training the captioner of frames is the demo's, and that of clips has never seen a clip."""
    begun: list[str] = []
    wanted = Wanted(tmp_path, films=2, steps=0)
    found = run(wanted, begun.append)
    assert begun[:2] == ["training of frame and clip, 0 steps", "films"] and len(begun) == 2 + len(SIZES)
    seconds = sum(film.script.duration for film in films(2))
    assert found["about"]["seconds"] == seconds
    assert 0.9 * seconds < found["cost"]["frame"]["pictures"] <= seconds, "near-identical ones too; equal bytes once"
    assert found["kinds"]["frame"]["sign"][0] == found["kinds"]["frame"]["sign"][1], "it reads signs already"
    for condition in ("clips of 2", "clips of 4", "clips of 8"):
        assert found["events"][condition][0] < found["events"]["frame"][0]
        assert len(found["faults"][condition]) == 2, "its captions are refused, and the films are told with the reason"
    begun.clear()
    assert run(wanted, begun.append) == found and begun == ["films"]
