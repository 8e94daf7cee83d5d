"""The recogniser behind servers: every piece gets its own answer, in order, whatever the server does meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from demo.faulty_server.answers import caption_of
from demo.faulty_server.plan import FaultPlan, even
from demo.faulty_server.requests import Character
from demo.faulty_server.server import FaultServer, serve
from demo.faulty_server.speech import SpeechRequest, document
from models.build import build_transcriber
from models.chat import Reply, Request
from models.meter import Meter
from models.reply_cache import CachedModel
from schemas.configuration.model_config import SpeechServer
from schemas.errors import ConfigError, Interrupted, RunStopped
from schemas.kit.wav import samples_of, wav_of, wav_seconds
from schemas.parts.heard import Heard


def config(*urls: str, **options: Any) -> SpeechServer:
    settings = {"backoff": 0.02, "timeout": 20, "patience": 10, "concurrency": {"start": 4, "max": 8}} | options
    return SpeechServer.model_validate({"engine": "openai", "model": "tiny", "base_urls": urls} | settings)


def pieces(count: int, seed: int = 0) -> list[Request]:
    rng = random.Random(seed)
    return [Request("", sound=wav_of(rng.randbytes(2 * rng.randint(100, 2000)))) for _ in range(count)]


def ask(server: FaultServer, requests: Sequence[Request], stopped: Callable[[], None] = lambda: None, **options: Any):
    model = build_transcriber(config(server.url, **options), Meter(), stopped)
    try:
        return model.complete(requests)
    finally:
        model.close()  # type: ignore[attr-defined]


def text_of(reply: Reply) -> str:
    return Heard.model_validate_json(reply.text).segments[0].text


def own(request: Request) -> str:
    import hashlib

    assert request.sound is not None
    return caption_of(hashlib.sha256(request.sound).hexdigest())


def test_a_wav_file_is_what_its_samples_are() -> None:
    samples = random.Random(1).randbytes(32_000)
    assert samples_of(wav_of(samples)) == samples and wav_seconds(wav_of(samples)) == 1.0
    assert wav_seconds(b"") == 0.0


def test_every_piece_gets_its_own_answer_whatever_fails_on_the_way() -> None:
    asked = pieces(40)
    kinds = ("rate_limit", "server_error", "drop_before", "drop_inside", "slow")
    plan = FaultPlan(seed=3, capacity=4, retry_after=0.05, slow_seconds=0.2, **even(0.4, kinds))
    with serve(plan) as server:
        replies = ask(server, asked, retries=12)
        assert server.stats.read().faults, "the plan has faults"
    assert [text_of(reply) for reply in replies] == [own(request) for request in asked]


def test_pieces_are_under_way_at_the_same_time() -> None:
    with serve(FaultPlan(capacity=8, latency=0.2)) as server:
        ask(server, pieces(16))
        assert server.stats.read().peak_working > 2


def test_the_language_is_told_where_it_is_known() -> None:
    said: list[str | None] = []

    def hear(speech: SpeechRequest) -> Mapping[str, Any]:
        said.append(speech.language)
        return document([], speech)

    with serve() as server:
        server.hear = hear
        sound = pieces(1)[0].sound
        ask(server, [Request("fr", sound=sound), Request("", sound=sound)])
    assert sorted(said, key=str) == [None, "fr"]


@pytest.mark.parametrize(
    "body", [b"x" * 10_000_000, b'{"text": 7}', b"", b"<html>"], ids=["10 MB", "lies", "empty", "web"]
)
def test_a_server_that_answers_anything_else_is_asked_again_and_then_given_up(body: bytes) -> None:
    with serve() as server:
        server.hear = lambda _: body
        [reply] = ask(server, pieces(1), retries=2)
        assert server.stats.read().received == 3
    assert reply.finish == "failed" and len(reply.text) < 1000


def test_a_server_that_stalls_costs_a_piece_its_time_out_and_no_more() -> None:
    with serve(FaultPlan(latency=30)) as server:
        began = time.monotonic()
        [reply] = ask(server, pieces(1), timeout=0.5, retries=1)
    assert reply.finish == "failed" and "0.5 s" in reply.text and time.monotonic() - began < 15


def test_who_waits_for_a_stalled_server_can_be_stopped() -> None:
    began = time.monotonic()

    def stopped() -> None:
        if time.monotonic() - began > 1:
            raise Interrupted("stop")

    with serve(FaultPlan(latency=60)) as server, pytest.raises(Interrupted):
        ask(server, pieces(2), stopped)
    assert time.monotonic() - began < 15


def test_a_server_that_never_answers_stops_the_run_and_not_every_video() -> None:
    with serve(FaultPlan(server_error=1.0)) as server, pytest.raises(RunStopped, match="last 32 pieces"):
        ask(server, pieces(32), retries=0)


def test_a_wrong_model_and_a_wrong_key_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(character=Character("whisper")) as server, pytest.raises(ConfigError, match="whisper"):
        ask(server, pieces(1))
    monkeypatch.setenv("SPEECH_KEY", "secret-of-nobody")
    with serve(character=Character(api_key="right")) as server, pytest.raises(ConfigError) as caught:
        ask(server, pieces(1), api_key_env="SPEECH_KEY")
    assert "SPEECH_KEY" in str(caught.value) and "secret-of-nobody" not in str(caught.value)


class Kept(dict[str, Reply]):
    def get_replies(self, keys: Sequence[str]) -> dict[str, Reply]:
        return {key: self[key] for key in keys if key in self}

    def put_replies(self, replies: Mapping[str, Reply], model: str) -> None:
        self.update(replies)


def test_no_piece_is_paid_for_twice() -> None:
    asked, store = pieces(5), Kept()
    with serve() as server:
        for _ in range(2):
            model = CachedModel(build_transcriber(config(server.url)), store)
            assert [text_of(reply) for reply in model.complete(asked)] == [own(request) for request in asked]
            model.close()
        assert server.stats.read().received == 5
