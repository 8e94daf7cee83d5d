"""The command of the training demo: what it refuses. What it makes: tests/flows/local/test_demo_training.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flows.cli.releases.demo_train import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["demo-train", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.mark.parametrize(
    ("films", "words"), [("0", "--films: 0 films: there can be 1 to 9,999"), ("x", "invalid int value")]
)
def test_a_number_of_films_that_cannot_be_made(
    films: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--folder", str(tmp_path / "out"), "--films", films) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
