"""A recogniser in this process: what it is called, and what is said where its package or checkpoint is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from models.build import build_transcriber, build_voice
from models.checks import check_voice, check_whisper
from models.identity import identify_transcriber
from schemas.configuration.model_config import LocalWhisper
from schemas.errors import ConfigError


def checkpoint(folder: Path, weights: bytes = b"weights") -> LocalWhisper:
    folder.mkdir(exist_ok=True)
    (folder / "model.bin").write_bytes(weights)
    (folder / "config.json").write_text("{}")
    return LocalWhisper(engine="faster_whisper", model=str(folder))


def test_the_identity_is_that_of_the_weights_and_of_what_changes_the_text(tmp_path: Path) -> None:
    first = identify_transcriber(checkpoint(tmp_path / "whisper"))
    assert first[0] == "whisper" and len(first[1]) == 64
    assert first == identify_transcriber(checkpoint(tmp_path / "whisper").model_copy(update={"threads": 3}))
    others = (
        checkpoint(tmp_path / "whisper", b"other"),
        checkpoint(tmp_path / "whisper").model_copy(update={"beam": 1}),
        checkpoint(tmp_path / "whisper").model_copy(update={"dtype": "int8"}),
    )
    assert identify_transcriber(others[1]) != first != identify_transcriber(others[2])
    assert identify_transcriber(checkpoint(tmp_path / "whisper", b"other"))[1] != first[1]


def test_without_its_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    config = checkpoint(tmp_path / "whisper")
    for build in (lambda: build_transcriber(config), build_voice):
        with pytest.raises(ConfigError, match="extra `speech`"):
            build()
    [check] = check_whisper(config)
    assert check.status == "fail" and "speech" in check.fix
    assert check_voice().status == "fail" and "loudness" in check_voice().fix


def test_a_checkpoint_that_is_not_there_is_named_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        identify_transcriber(LocalWhisper(engine="faster_whisper", model=str(tmp_path / "gone")))
    assert "gone" in str(caught.value) and str(tmp_path) not in str(caught.value)
