"""The doctor's checks of a speech recogniser find its faults and name the fix."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from demo.faulty_server.requests import Character
from demo.faulty_server.server import FaultServer, serve
from models.check import Check
from models.servers.speech_checks import check_transcriber
from schemas.configuration.model_config import SpeechServer


def examine(*urls: str, **settings: Any) -> dict[str, Check]:
    config = {"engine": "openai", "model": "tiny", "revision": "r", "base_urls": urls, "timeout": 20, **settings}
    found = asyncio.run(check_transcriber(SpeechServer.model_validate(config)))
    return {check.name.rpartition(": ")[2]: check for check in found}


@pytest.fixture
def server() -> Any:
    with serve() as one:
        yield one


def test_a_good_server_passes(server: FaultServer) -> None:
    found = examine(server.url)
    assert {name: check.status for name, check in found.items()} == {"model": "ok", "transcription": "ok"}
    assert found["transcription"].found == "answered; a tone of one second is heard as 1 segments"


def test_weights_that_nobody_names_are_a_warning(server: FaultServer) -> None:
    assert examine(server.url, revision=None)["models.transcriber.revision"].status == "warn"


def test_faults_come_with_a_fix(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "serves" not in examine(server.url, model="whisper")["model"].found
    assert "whisper" in examine(server.url, model="whisper")["model"].fix
    server.hear = lambda _: b"<html>"
    assert examine(server.url)["transcription"].status == "fail"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert examine(f"http://127.0.0.1:{nobody.getsockname()[1]}/v1")["model"].status == "fail"
    monkeypatch.setenv("V2XUM_API_KEY", "a\x07b")
    assert "V2XUM_API_KEY" in examine(server.url)["key"].fix


def test_a_key_that_is_missing_is_told_by_its_variable() -> None:
    with serve(character=Character(api_key="right")) as server:
        assert "V2XUM_API_KEY" in examine(server.url)["model"].found
