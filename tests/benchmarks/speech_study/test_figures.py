"""The figures of planted choices: what transcripts add there is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.speech_study.figures import counts, f1_of, figures


def row(film: int, chosen: list[int]) -> dict[str, Any]:
    said = [30 + film % 2, 40]
    return {
        "film": f"told-{film:04d}", "fault": None, "offered": 20, "shown": [3, 4, 9], "said": said, "chatter": [50, 60],
        "chosen": chosen, "segments": 4, "tokens_in": 100, "tokens_out": 10,
    }  # fmt: skip


def conditions(films: int) -> dict[str, dict[str, Any]]:
    rows = {
        "off": [row(film, [3, 4, 9]) for film in range(films)],
        "on": [row(film, [3, 4, 9, 30 + film % 2, 40]) for film in range(films)],
        "exchanged": [row(film, [3, 4, 9, 30, 50]) for film in range(films)],
    }
    stages = {"download": 1.0, "extract": 2.0}
    return {
        name: {
            "rows": of,
            "wall": 10.0,
            "cpu": 8.0,
            "stages": stages if name == "off" else {**stages, "transcribe": 0.1},
        }
        for name, of in rows.items()
    }


def test_what_transcripts_add_is_told_with_its_control() -> None:
    found = figures([conditions(10), {"off": {"wall": 5.0, "cpu": 4.0}, "on": {"wall": 5.5, "cpu": 4.2}}])
    assert found["f1"]["on"] == [1.0, 1.0, 1.0]
    assert found["f1"]["off"][0] == pytest.approx(2 * 3 / (3 + 5))
    assert found["differences"]["on - off"][0] == pytest.approx(0.25) and found["better"]["on - off"] == [10, 0]
    value, low, high = found["differences"]["exchanged - off"]
    right = [2 * 4 / 10, 2 * 3 / 10]  # in even films 30 is one that matters
    assert value == pytest.approx(np.mean(right) - 0.75) and low < value < high
    assert found["chosen"]["on"] == {"shown": [30, 30], "said": [20, 20], "chatter": [0, 20], "other": [0, 50]}
    assert found["chosen"]["exchanged"] == {"shown": [30, 30], "said": [5, 20], "chatter": [10, 20], "other": [5, 50]}
    assert found["cost"] == {"wall": [[10.0, 10.0], [5.0, 5.5]], "cpu": [[8.0, 8.0], [4.0, 4.2]]}
    assert found["tokens"]["off"] == [1000, 100] and "transcribe" in found["stages"]["on"]


def test_a_film_without_a_sample_counts_as_nothing_found() -> None:
    rows = [row(0, [3, 4, 9, 30, 40]), {"film": "told-0001", "fault": "refine: refine_failed"}]
    assert f1_of(rows).tolist() == [1.0, 0.0]
    assert counts(rows)["shown"] == [3, 3]
    made = conditions(2)
    made["on"]["rows"] = rows
    found = figures([made])
    assert found["faults"] == {"off": [], "on": ["refine: refine_failed"], "exchanged": []}
    assert found["differences"]["on - off"][0] == pytest.approx(0.5 - 0.75)
