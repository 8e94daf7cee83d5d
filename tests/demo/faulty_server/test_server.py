"""The faulty server keeps to its plan, and its answers can be checked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text.caption import read_caption
from curation.text.extract import schema_of as extract_schema
from curation.text.refine import schema_of as refine_schema
from demo.faulty_server.answers import ChatRequest, UpstreamAnswers, caption_of, hash_of, instance
from demo.faulty_server.plan import FAULTS, FaultPlan, even
from demo.faulty_server.requests import Character
from demo.faulty_server.server import REPEATED, FaultServer, serve
from demo.faulty_server.stats import Counts
from prompts import load
from schemas.repository import ROOT

TEXT = "Describe this picture."


def picture(number: int) -> bytes:
    return b"\xff\xd8" + number.to_bytes(4, "big") * 50


def body(url: str | None = None, schema: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": TEXT}]
    if url is not None:
        content.append({"type": "image_url", "image_url": {"url": url}})
    wanted = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}} if schema else None
    asked = {"model": "tiny", "max_tokens": 77, "messages": [{"role": "user", "content": content}], **more}
    return asked if wanted is None else {**asked, "response_format": wanted}


def data_url(image: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(image).decode()


def post(server: FaultServer, asked: dict[str, Any], key: str | None = None) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(f"{server.url}/chat/completions", json.dumps(asked).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def said(answer: tuple[int, dict[str, Any]]) -> str:
    assert answer[0] == 200, answer
    text: str = answer[1]["choices"][0]["message"]["content"]
    return text


async def _storm(url: str, bodies: list[dict[str, Any]], at_once: int) -> list[str]:
    """Send all bodies; return for each the finish reason of a good answer, the status, or the exception."""
    outcomes = [""] * len(bodies)
    left = iter(enumerate(bodies))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:

        async def work() -> None:
            for i, asked in left:
                try:
                    async with session.post(f"{url}/chat/completions", json=asked) as answer:
                        text = await answer.text()
                        good = answer.status == 200
                        outcomes[i] = json.loads(text)["choices"][0]["finish_reason"] if good else str(answer.status)
                except (aiohttp.ClientError, ConnectionError) as error:
                    outcomes[i] = type(error).__name__

        await asyncio.gather(*(work() for _ in range(at_once)))
    return outcomes


def storm(server: FaultServer, count: int, at_once: int = 16, first: int = 0) -> list[str]:
    bodies = [body(data_url(picture(i))) for i in range(first, first + count)]
    return asyncio.run(_storm(server.url, bodies, at_once))


@given(st.binary(min_size=8, max_size=32))
def test_a_caption_stands_for_its_hash_and_passes_as_a_caption(digest: bytes) -> None:
    caption = caption_of(digest.hex())
    assert hash_of(caption) == digest[:8].hex()
    assert read_caption(caption, load("caption.v1"), "en").value == caption


@given(st.text(max_size=60))
def test_no_other_text_stands_for_a_hash(text: str) -> None:
    found = hash_of(text)
    assert found is None or caption_of(found) == text


@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=40, unique=True).flatmap(
        lambda times: st.tuples(st.just(times), st.integers(0, len(times)), st.integers(1, len(times)))
    ),
    st.text(max_size=20),
)
def test_instances_are_valid(drawn: tuple[list[int], int, int], salt: str) -> None:
    times, low, high = drawn
    for schema in (extract_schema(times, min(low, high), high), refine_schema(times, high)):
        jsonschema.validate(instance(schema, salt), schema)
    [sentence] = instance(refine_schema(times, high), salt)["sentences"]
    assert sentence["keyframes"] == times  # so that every line is cited


@given(st.integers(0, 2**31), st.binary(max_size=16), st.integers(0, 5))
def test_a_draw_depends_on_seed_body_and_attempt_alone(seed: int, digest: bytes, attempt: int) -> None:
    plan = FaultPlan(seed=seed, **even(0.5), swap=0.5, shuffle=2)
    assert plan.draw(digest, attempt) == FaultPlan(seed=seed, **even(0.5), swap=0.5, shuffle=2).draw(digest, attempt)
    assert 0 <= plan.draw(digest, attempt).delay <= 2


def test_shares_are_kept_and_retries_draw_anew() -> None:
    plan = FaultPlan(seed=3, **even(0.35), swap=0.2, repeat=0.1)
    draws = [plan.draw(i.to_bytes(4, "big"), 0) for i in range(20_000)]
    counts = Counter(draw.fault for draw in draws)
    for kind in FAULTS[:7]:
        assert abs(counts[kind] / 20_000 - 0.05) < 0.01
    assert abs(sum(d.swap for d in draws) / 20_000 - 0.2) < 0.02
    again = Counter(plan.draw(i.to_bytes(4, "big"), 1).fault for i, d in enumerate(draws) if d.fault == "slow")
    assert again[None] > 0.5 * again.total()


@pytest.mark.parametrize(
    "wrong", [{"swap": 1.1}, {"slow": 0.6, "truncate": 0.6}, {"capacity": 0}, {"latency": -1.0}, {"queue": -1}]
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="|".join(wrong)):
        FaultPlan(**wrong)


def test_each_caption_is_its_pictures_and_is_logged() -> None:
    with serve() as server:
        assert set(storm(server, 60)) == {"stop"}
        for entry in server.stats.log:
            assert entry.image_sha256 is not None and hash_of(entry.text) == entry.image_sha256[:16]
        expected = {hashlib.sha256(picture(i)).hexdigest() for i in range(60)}
        assert {entry.image_sha256 for entry in server.stats.log} == expected
        counts = settled(server)
        assert (counts.received, counts.answered, counts.in_flight) == (60, 60, 0)


def settled(server: FaultServer) -> Counts:
    """The counts once nothing is in flight: a client has its answer a moment before the server is done with it."""
    deadline = time.monotonic() + 10
    while server.stats.read().in_flight and time.monotonic() < deadline:
        time.sleep(0.005)
    return server.stats.read()


def test_capacity_bounds_what_is_worked_on_and_the_queue_what_waits() -> None:
    with serve(FaultPlan(capacity=3, latency=0.05)) as server:
        assert set(storm(server, 30, at_once=12)) == {"stop"}
        assert server.stats.read().peak_working == 3
        assert 3 < server.stats.read().peak_in_flight <= 12


def test_more_than_the_queue_holds_is_turned_away() -> None:
    async def patient(_ask: ChatRequest) -> str:
        while server.stats.read().received < 8:
            await asyncio.sleep(0.01)
        return "At last."

    with serve(FaultPlan(capacity=2, queue=1), patient) as server:
        outcomes = Counter(storm(server, 8, at_once=8))
        assert outcomes == {"stop": 3, "429": 5}
        assert server.stats.read().faults == {"queue_full": 5}


def test_every_way_to_fail_fails_that_way_and_is_counted() -> None:
    ends = {
        "rate_limit": {"429"},
        "server_error": {"500"},
        "drop_before": {"ServerDisconnectedError", "ClientOSError", "ClientConnectorError"},
        "drop_inside": {"ClientPayloadError", "ServerDisconnectedError", "ClientOSError"},
        "slow": {"stop"},
        "truncate": {"length"},
        "whitespace": {"length"},
    }
    for kind, seen in ends.items():
        with serve(FaultPlan(slow_seconds=0.05, **{kind: 1.0})) as server:
            assert set(storm(server, 4, at_once=2)) <= seen, kind
            counts = settled(server)
            assert counts.faults == {kind: counts.received}
            assert counts.answered == (counts.received if seen in ({"stop"}, {"length"}) else 0)
            assert counts.in_flight == 0


@pytest.mark.slow
def test_the_same_storm_meets_the_same_faults_in_any_order() -> None:
    plan = FaultPlan(
        seed=5, **dict.fromkeys(("rate_limit", "server_error", "truncate", "whitespace"), 0.1), shuffle=0.02
    )
    with serve(plan) as one, serve(plan) as other:
        assert storm(one, 80, at_once=1) == storm(other, 80, at_once=20)
        assert one.stats.read().faults == other.stats.read().faults
        assert len(one.stats.read().faults) == 4


def test_a_retry_may_succeed() -> None:
    with serve(FaultPlan(seed=1, server_error=0.5)) as server:
        outcomes = [storm(server, 40) for _ in range(3)]
    assert all("stop" in outcome and "500" in outcome for outcome in outcomes)
    assert any(a != b for a, b in zip(outcomes[0], outcomes[1], strict=True))


def test_swapped_and_repeated_captions_belong_to_others() -> None:
    with serve(FaultPlan(swap=1.0)) as server:
        storm(server, 30)
        log = server.stats.log
        right = {caption_of(entry.image_sha256 or "") for entry in log}
        wrong = [e for e in log if hash_of(e.text) != (e.image_sha256 or "")[:16]]
        assert len(wrong) == len(log) - 1  # the first has no other to take from
        assert all(e.fault == "swap" and e.text in right for e in wrong)
        server.plan = FaultPlan(repeat=1.0)
        storm(server, 3)
        assert {entry.text for entry in server.stats.log[-3:]} == {REPEATED}


def test_structured_replies_are_valid_and_never_swapped() -> None:
    schema = extract_schema([3, 4, 5], 2, 3)
    with serve(FaultPlan(swap=1.0, repeat=1.0)) as server:
        assert json.loads(said(post(server, body(schema=schema)))) == {"keyframes": [3, 4]}
    with serve(character=Character(structured=False)) as server:
        assert hash_of(said(post(server, body(schema=schema)))) is not None
    with serve(FaultPlan(whitespace=1.0)) as server:
        text = said(post(server, body(schema=schema)))
        assert text.startswith('{"keyframes":') and text.endswith("\n" * 77)


def test_refusals_are_vllms(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("in/a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(picture(1))
    inside, outside = ((tmp_path / name).as_uri() for name in ("in/a.jpg", "b.jpg"))
    with serve(character=Character(media_path=tmp_path / "in", max_model_len=200, api_key="secret")) as server:
        assert post(server, body())[0] == 401
        assert hash_of(said(post(server, body(inside), "secret"))) == hashlib.sha256(picture(1)).hexdigest()[:16]
        for asked, status, words in (
            (body(outside), 400, "must be a subpath of `--allowed-local-media-path"),
            (body((tmp_path / "in" / ".." / "b.jpg").as_uri()), 400, "subpath"),
            (body(model="other"), 404, "The model `other` does not exist."),
            (body(max_tokens=400), 400, "maximum context length is 200 tokens"),
            (body("https://example.org/a.jpg"), 400, "URL must be"),
            (body("data:image/jpeg;base64,@@"), 400, "Failed to load image"),
            (body(messages=[{"role": "user", "content": [3]}]), 400, "malformed"),
        ):
            found, answer = post(server, asked, "secret")
            assert (found, words in answer["error"]["message"]) == (status, True), answer
        assert server.stats.read().refused == {401: 1, 400: 6, 404: 1}
    with serve() as server:
        assert "without `--allowed-local-media-path`" in post(server, body(inside))[1]["error"]["message"]
    with serve(character=Character(images=False)) as server:
        assert "not a multimodal model" in post(server, body(data_url(picture(0))))[1]["error"]["message"]


def test_models_health_and_tokens() -> None:
    with serve(character=Character(model="mine", max_model_len=512)) as server:
        base = server.url.removesuffix("/v1")
        with urllib.request.urlopen(f"{server.url}/models", timeout=10) as answer:
            assert json.load(answer)["data"][0] == {"id": "mine", "object": "model", "max_model_len": 512}
        with urllib.request.urlopen(f"{base}/health", timeout=10) as answer:
            assert answer.status == 200
        asked = json.dumps({"model": "mine", "prompt": "x" * 41}).encode()
        with urllib.request.urlopen(f"{base}/tokenize", asked, timeout=10) as answer:
            assert json.load(answer)["count"] == 11


def test_it_stops_and_starts_on_the_same_port() -> None:
    with serve() as server:
        url = server.url
        storm(server, 3)
        server.stop()
        assert set(storm(server, 3)) == {"ClientConnectorError"}
        server.start()
        assert server.url == url and set(storm(server, 3)) == {"stop"}


def test_a_client_that_leaves_frees_its_slot() -> None:
    async def leave(url: str) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.2)) as session:
            with pytest.raises(TimeoutError):
                await session.post(f"{url}/chat/completions", json=body())

    with serve(FaultPlan(capacity=1, latency=30)) as server:
        asyncio.run(leave(server.url))
        asyncio.run(leave(server.url))
        server.plan = FaultPlan(capacity=1)
        assert post(server, body())[0] == 200


def test_a_server_behind_it_answers_through_it() -> None:
    with (
        serve(character=Character(model="deep", api_key="k")) as behind,
        serve(FaultPlan(truncate=0.0), UpstreamAnswers(behind.url, "deep", "k")) as server,
        serve(FaultPlan(), UpstreamAnswers("http://127.0.0.1:9/v1")) as lost,
    ):
        assert hash_of(said(post(server, body(data_url(picture(4)))))) == hashlib.sha256(picture(4)).hexdigest()[:16]
        assert post(server, body("https://example.org/a.jpg"))[0] == 400
        assert behind.stats.read().answered == 1
        assert post(lost, body())[0] == 502


@pytest.mark.slow
def test_the_demos_models_answer(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from demo.faulty_server.answers import LocalAnswers
    from models.build import build_chat_model
    from models.chat import Request
    from schemas.configuration.model_config import LocalModel

    folder = ROOT / "data" / "demo"
    schema = extract_schema([3, 4, 5, 6], 1, 2)
    with serve(answer=LocalAnswers(folder / "captioner", folder / "summarizer")) as server:
        found = said(post(server, body(schema=schema)))
    model = build_chat_model(LocalModel(model=str(folder / "summarizer")))
    assert found == model.complete([Request(TEXT, None, schema, 77)])[0].text


def test_it_runs_as_a_process() -> None:
    command = [
        sys.executable,
        "-m",
        "demo.faulty_server",
        "--port",
        "0",
        "--capacity",
        "4",
        "--server-error",
        "1",
    ]
    environment = {**os.environ, "V2XUM_FAULTS_API_KEY": "k"}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[2]
            request = urllib.request.Request(
                f"{url}/chat/completions", json.dumps(body()).encode(), {"Authorization": "Bearer k"}
            )
            with pytest.raises(urllib.error.HTTPError, match="500") as raised:
                urllib.request.urlopen(request, timeout=30)
            raised.value.close()
            process.send_signal(signal.SIGTERM)
            assert json.loads(process.stdout.readline())["faults"] == {"server_error": 1}
            assert process.wait(30) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("wrong", [["--swap", "2"], ["--answer", "upstream"]])
def test_a_wrong_command_line_says_so(wrong: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo.faulty_server", *wrong],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and wrong[0].strip("-") in done.stderr
