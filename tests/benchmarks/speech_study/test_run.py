"""The study on two films: every condition is told what its name says, and nothing is made twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.speech_study.curation import CONDITIONS, config_of
from benchmarks.speech_study.run import Wanted, recipe_cost, run
from curation.pipeline.services import open_services
from curation.workspace import Workspace
from demo.narrated_films import exchanged, narrated_films
from demo.world import SpokenLine
from schemas.errors import ConfigError
from schemas.parts.transcript import Transcript


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


@pytest.mark.slow
def test_every_condition_is_told_what_its_name_says(tmp_path: Path) -> None:
    begun: list[str] = []
    wanted = Wanted(tmp_path, films=2, steps=0, rounds=1)  # a model that never learned to read what is said
    found = run(wanted, begun.append)
    assert begun == ["training, 0 steps", "films", *(f"{name}-0" for name in CONDITIONS)]
    first, second = (film.script for film in narrated_films(2))
    right: dict[str, list[tuple[SpokenLine, ...] | None]] = {
        "off": [None, None],
        "on": [first.lines, second.lines],
        "exchanged": [exchanged(first, second), exchanged(second, first)],
    }
    for name in CONDITIONS:
        with open_services(Workspace(tmp_path / f"{name}-0"), config_of(name, tmp_path / "checkpoint")) as services:
            for film, lines in zip(("told-0000", "told-0001"), right[name], strict=True):
                entry = services.ledger.entry(film, "transcribe")
                assert (entry is None) == (lines is None)
                if entry is not None and lines is not None:
                    said = Transcript.model_validate_json(entry.payload).segments
                    assert [(one.start, one.end, one.text) for one in said] == [
                        (line.start, line.end, line.text) for line in lines
                    ]
    off = json.loads((tmp_path / "off-0.json").read_text())["rows"]
    for row, script in zip(off, (first, second), strict=True):
        assert row["fault"] is None and row["segments"] == 0
        assert {int(line.start) for line in script.lines} <= {*row["said"], *row["chatter"]}, "each has a picture"
        assert len({*row["chosen"]} & {*row["shown"]}) >= 0.8 * len(row["shown"]), (
            "the demo's model finds what is shown"
        )
        assert not {*row["chosen"]} & {*row["said"]}
    begun.clear()
    assert run(wanted, begun.append) == found and begun == ["films"]
