"""The study on one film, with the real networks: it goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.ocr_study.run import _lines, run
from schemas.parts.screen_text import Reading, ScreenText, WrittenLine

BOX = {"left": 0.0, "top": 0.0, "right": 0.5, "bottom": 0.1, "confidence": 1.0}


@pytest.mark.slow
@pytest.mark.usefixtures("rapidocr")
def test_a_film_is_read_both_ways_and_only_once(tmp_path: Path) -> None:
    steps: list[str] = []
    found = run(tmp_path, 1, steps.append)
    assert run(tmp_path, 1, steps.append) == found and steps == ["film 1 of 1"]
    assert found["ways"]["every"]["read"] == found["ways"]["every"]["frames"] > found["ways"]["changed"]["read"]
    assert found["ways"]["every"]["found"]["title"][0] == 1
    assert len(json.loads((tmp_path / "films.jsonl").read_text())["true"]) == found["ways"]["every"]["all"][1]


def test_a_line_that_goes_on_in_the_next_reading_is_one_line() -> None:
    def reading(first: int, last: int, *texts: str) -> Reading:
        lines = tuple(WrittenLine(text=text, kind="scene", **BOX) for text in texts)
        return Reading(index=first, time=first, until=last, share=0.1, lines=lines)

    readings = (reading(0, 2, "a"), reading(3, 5, "a", "b"), reading(6, 6, "b"), reading(9, 9, "b"))
    found = ScreenText(reader="r", revision="1", share=0.1, read=4, readings=readings)
    assert sorted(_lines(found)) == [("a", "scene", 0, 5), ("b", "scene", 3, 6), ("b", "scene", 9, 9)]
