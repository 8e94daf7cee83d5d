"""The doctor's checks of a server find its faults and name the fix."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demo.faulty_server.answers import Answerer, ChatAnswer, ChatRequest, hashed
from demo.faulty_server.plan import FaultPlan
from demo.faulty_server.requests import Character
from demo.faulty_server.server import serve
from models.check import Check
from models.servers.checks import Need, check_server
from schemas.configuration.model_config import OpenAIModel


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), (9, 90, 200)).save(stream, "JPEG")
    return stream.getvalue()


CAPTIONS = Need("Describe the picture.", 77, 0, jpeg(), structured=False)
CLIPS = Need("Describe the pictures.", 300, 0, jpeg(), structured=True, pictures=5)
SUMMARIES = Need("Choose the times.", 200, 100, None, structured=True)


def examine(
    need: Need = SUMMARIES,
    character: Character | None = None,
    answer: Answerer = hashed,
    plan: FaultPlan | None = None,
    **settings: Any,
) -> dict[str, Check]:
    """The checks of a server with these abilities, answers and faults, by the last part of their names."""
    with serve(plan, answer, character) as server:
        config = OpenAIModel.model_validate(
            {"engine": "openai", "model": "tiny", "base_urls": [server.url], "timeout": 20, **settings}
        )
        found = asyncio.run(check_server("captioner", config, server.url, need, "v2xum serve captioner c.yaml --run"))
    return {check.name.rpartition(": ")[2]: check for check in found}


@pytest.mark.parametrize("need", [CAPTIONS, CLIPS, SUMMARIES])
def test_a_good_server_passes(need: Need) -> None:
    found = examine(need)
    assert {check.status for check in found.values()} == {"ok"}, found
    assert len(found) == 5 + need.structured
    assert all(check.fix == "" for check in found.values())


def test_a_server_that_takes_one_picture_alone_gives_the_option_for_clips() -> None:
    check = examine(CLIPS, Character(most_images=1))["pictures"]
    assert check.status == "fail" and "At most 1 image" in check.found
    assert """--limit-mm-per-prompt '{"image":5,"video":0}'""" in check.fix


def test_a_missing_server_gives_the_command_that_starts_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        config = OpenAIModel(engine="openai", model="tiny", base_urls=(url,))
        [check] = asyncio.run(check_server("captioner", config, url, CAPTIONS, "v2xum serve captioner c.yaml --run"))
    assert check.status == "fail"
    assert "start it: v2xum serve captioner c.yaml --run" in check.fix and "base_urls" in check.fix


def test_a_wrong_model_name_gives_the_line_to_change() -> None:
    check = examine(character=Character(model="other\x1b[31m"))["model"]
    assert check.status == "fail" and "\x1b" not in check.found
    assert "set models.captioner.model: other" in check.fix and "--served-model-name tiny" in check.fix


def test_a_server_without_structured_output_fails() -> None:
    check = examine(character=Character(structured=False))["structured output"]
    assert check.status == "fail" and "not enforced" in check.found
    assert '--structured-outputs-config \'{"backend":"guidance","disable_any_whitespace":true}\'' in check.fix


@pytest.mark.parametrize("said", ["yellow", '{"colour":"yellow"}', '{"colour":"teal","more":1}', "[" * 5000, '"teal"'])
def test_a_reply_against_the_schema_fails(said: str) -> None:
    assert examine(answer=lambda _ask: ChatAnswer(said))["structured output"].status == "fail"


def test_white_space_without_end_is_named() -> None:
    def loop(ask: ChatRequest) -> str | ChatAnswer:
        return ChatAnswer('{"colour":' + "\n" * 60, "length") if ask.schema else hashed(ask)

    assert "white space" in examine(answer=loop)["structured output"].found


def test_a_media_path_that_is_not_allowed_gives_the_flag(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    settings = {"images": "file", "media_path": str(tmp_path)}
    for character in (Character(), Character(media_path=tmp_path / "other")):
        check = examine(CAPTIONS, character, **settings)["pictures"]
        assert check.status == "fail" and f"--allowed-local-media-path {tmp_path}" in check.fix
    assert examine(CAPTIONS, Character(media_path=tmp_path), **settings)["pictures"].status == "ok"
    assert [path.name for path in tmp_path.iterdir()] == ["other"]  # the test picture is gone


def test_a_missing_media_path_is_named(tmp_path: Path) -> None:
    check = examine(CAPTIONS, images="file", media_path=str(tmp_path / "gone"))["pictures"]
    assert check.status == "fail" and "make the folder" in check.fix


def test_a_model_that_reads_no_pictures_fails() -> None:
    check = examine(CAPTIONS, Character(images=False))["pictures"]
    assert check.status == "fail" and "vision-language model" in check.fix


def test_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = Character(api_key="right-key-of-it")
    monkeypatch.delenv("V2XUM_API_KEY", raising=False)
    check = examine(character=closed)["key"]
    assert check.status == "fail" and "is not set" in check.found and "export V2XUM_API_KEY=" in check.fix
    monkeypatch.setenv("V2XUM_API_KEY", "wrong-key-of-it")
    check = examine(character=closed)["key"]
    assert "is not accepted" in check.found and "wrong-key-of-it" not in json.dumps(check)
    monkeypatch.setenv("V2XUM_API_KEY", "right-key-of-it")
    assert {c.status for c in examine(character=closed).values()} == {"ok"}


def test_a_context_that_is_too_small_gives_the_setting() -> None:
    check = examine(character=Character(max_model_len=300))["context"]
    assert check.status == "fail" and "serve.max_model_len: 1024" in check.fix
    check = examine(character=Character(max_model_len=600), context=4096)["context"]
    assert check.status == "fail" and "set models.captioner.context: 600" in check.fix
    check = examine(SUMMARIES._replace(text="x" * 4000), Character(max_model_len=600))["prompt"]
    assert check.status == "fail" and "--max-model-len" in check.fix


def test_the_fix_names_the_smaller_of_two_contexts() -> None:
    check = examine(character=Character(max_model_len=4096), context=300)["context"]
    assert check.status == "fail" and "models.captioner.context: 4096" in check.fix
    assert "max_model_len" not in check.fix
    check = examine(character=Character(max_model_len=300), context=300)["context"]
    assert "serve.max_model_len: 1024" in check.fix and "captioner.context: 1024" in check.fix


@pytest.mark.parametrize("key", ["sch\u00fcssel", "a\x7fb"])
def test_a_key_that_no_header_can_carry_fails(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("V2XUM_API_KEY", key)
    check = examine()["key"]
    assert check.status == "fail" and "export V2XUM_API_KEY=" in check.fix and key not in json.dumps(check)


def test_content_that_is_no_string_is_no_completion() -> None:
    found = examine(answer=lambda _ask: ChatAnswer(["yellow"], tokens_out=1))  # type: ignore[arg-type]
    assert found["prompt"].status == "fail"


def test_a_model_that_thinks_is_named() -> None:
    check = examine(answer=lambda ask: hashed(ask) if ask.schema else "<think>Well,")["thinking"]
    assert check.status == "warn" and "enable_thinking" in check.fix


@pytest.mark.parametrize("plan", [FaultPlan(server_error=1), FaultPlan(drop_before=1), FaultPlan(drop_inside=1)])
def test_a_server_that_answers_nothing_fails_the_prompt(plan: FaultPlan) -> None:
    assert examine(plan=plan)["prompt"].status == "fail"
