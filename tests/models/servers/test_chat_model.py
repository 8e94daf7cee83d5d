"""The `openai` engine against a server without faults: order, routing, checks at the start, pictures, closing."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import web

from demo.faulty_server.plan import FaultPlan
from demo.faulty_server.requests import Character
from demo.faulty_server.server import serve
from models.chat import ChatModel, Reply, Request
from models.meter import Meter
from models.reply_cache import CachedModel
from schemas.errors import ConfigError, Interrupted, RunStopped
from tests.models.odd_server import completion, odd_server
from tests.models.remote_models import belongs, pictured, remote


def test_replies_have_the_order_of_their_requests() -> None:
    meter = Meter()
    with serve(FaultPlan(capacity=16, shuffle=0.05)) as server, remote(server.url, meter=meter) as model:
        assert isinstance(model, ChatModel)
        calls = [pictured(25, seed) for seed in range(6)]
        heard: list[dict[int, Reply]] = [{} for _ in calls]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda i: model.complete(calls[i], heard[i].__setitem__), range(6)))
    for call, replies, told in zip(calls, answers, heard, strict=True):
        assert all(map(belongs, call, replies))
        assert told == dict(enumerate(replies)) and list(told) != sorted(told)
        assert all(reply.tokens_in > 0 and reply.tokens_out > 0 for reply in replies)
    reading = meter.read()
    assert (reading.in_flight, reading.queued, reading.failures) == (0, 0, {})
    assert server.stats.read().peak_in_flight <= 32


def test_a_call_without_requests_sends_nothing() -> None:
    with serve() as server, remote(server.url) as model:
        assert model.complete([]) == [] and server.stats.read().received == 0


def test_a_rerun_sends_nothing() -> None:
    class Memory(dict):
        def get_replies(self, keys):
            return {key: self[key] for key in keys if key in self}

        def put_replies(self, replies, *_model):
            self.update(replies)

    store, requests = Memory(), pictured(20)
    with serve() as server:
        for _ in range(2):
            with remote(server.url) as model:
                cached = CachedModel(model, store)
                assert all(map(belongs, requests, cached.complete(requests)))
        assert server.stats.read().received == 20


def test_replicas_share_the_work() -> None:
    plan = FaultPlan(capacity=8, latency=0.01)
    with serve(plan) as first, serve(plan) as second, remote(first.url, second.url) as model:
        requests = pictured(200)
        assert all(map(belongs, requests, model.complete(requests)))
        shares = sorted(s.stats.read().answered for s in (first, second))
    assert sum(shares) == 200 and shares[0] >= 60


def test_the_error_for_a_wrong_name_lists_the_served_names() -> None:
    with serve(character=Character(model="qwen")) as server, pytest.raises(ConfigError) as caught:
        remote(server.url)
    assert all(part in str(caught.value) for part in (server.url, "'tiny'", "qwen", "--served-model-name tiny"))


@pytest.mark.parametrize("key", [None, "not-that-one"])
def test_a_wrong_key_names_the_variable_and_never_the_key(key, monkeypatch, caplog) -> None:
    if key:
        monkeypatch.setenv("V2XUM_API_KEY", key)
    caplog.set_level(logging.DEBUG)
    with serve(character=Character(api_key="right-key")) as server, pytest.raises(ConfigError) as caught:
        remote(server.url)
    assert "V2XUM_API_KEY" in str(caught.value) and "401" in str(caught.value)
    assert (key or "right-key") not in str(caught.value) + caplog.text


def test_only_the_server_sees_the_key_from_the_environment(monkeypatch, caplog) -> None:
    monkeypatch.setenv("V2XUM_API_KEY", "right-key")
    caplog.set_level(logging.DEBUG)
    with serve(character=Character(api_key="right-key")) as server, remote(server.url) as model:
        assert model.complete(pictured(3))[0].finish == "stop"
        assert model.count_tokens("abc") > 0
        assert "right-key" not in repr(model) + repr(vars(model)) + caplog.text


def test_a_key_that_expires_stops_the_run(monkeypatch) -> None:
    monkeypatch.setenv("V2XUM_API_KEY", "right-key")
    with serve(character=Character(api_key="right-key")) as server, remote(server.url) as model:
        server.character = Character(api_key="new-key")
        for _ in range(2):
            with pytest.raises(ConfigError, match="V2XUM_API_KEY"):
                model.complete(pictured(40))


def test_the_context_is_the_smallest_of_all_servers() -> None:
    with serve(character=Character(max_model_len=1000)) as a, serve(character=Character(max_model_len=700)) as b:
        with remote(a.url, b.url) as model:
            assert model.context == 700
        with remote(a.url, context=512) as model:
            assert model.context == 512
        with pytest.raises(ConfigError, match="700 tokens where 800 are needed"):
            remote(b.url, context=800)


async def _fine(request: web.Request, _body: dict) -> web.Response:
    return completion(request.headers["X-Request-Id"])


def test_a_server_that_reports_no_context_needs_it_in_the_configuration() -> None:
    with odd_server(_fine, models={"data": [{"id": "tiny"}]}) as url:
        with pytest.raises(ConfigError, match="set `context`"):
            remote(url)
        with remote(url, context=2048) as model:
            assert model.complete([Request("a")]) == [Reply("fine", "stop", 3, 2, url)]


@pytest.mark.parametrize("models", [[], {"data": 3}, "nothing", {"data": [{"name": "tiny"}]}])
def test_a_server_of_something_else_is_refused(models) -> None:
    with odd_server(_fine, models=models) as url, pytest.raises(ConfigError, match=r"base_urls|does not serve"):
        remote(url)


def test_tokens_are_counted_by_the_server_or_estimated_from_above() -> None:
    with odd_server(_fine, tokenize=True) as url, remote(url) as model:
        assert [model.count_tokens(text) for text in ("abc", "abcdef", "abc")] == [3, 6, 3]
        assert model.count_tokens("<|im_end|>") == len("< |im_end|>")
    with odd_server(_fine) as url, remote(url) as model:
        assert model.count_tokens("äöü") == 3 + 64


def test_it_waits_for_a_server_that_starts_late() -> None:
    with serve() as server:
        server.stop()
        meter, made = Meter(), []

        def paused() -> None:
            if meter.read().paused is not None and not made:
                made.append(meter.read().paused)
                server.start()

        with remote(server.url, meter=meter, raise_if_stopped=paused) as model:
            assert model.complete([Request("a")])[0].finish == "stop"
    assert server.url in made[0] and meter.read().paused is None


@pytest.mark.parametrize("when", ["start", "call", "count"])
def test_a_stop_ends_every_kind_of_waiting(when) -> None:
    stop = threading.Event()

    def raise_if_stopped() -> None:
        if stop.is_set():
            raise Interrupted("stop")

    meter = Meter()
    with serve(FaultPlan(latency=60)) as server:
        threading.Timer(0.3, stop.set).start()
        if when == "start":
            server.stop()
            with pytest.raises(Interrupted):
                remote(server.url, raise_if_stopped=raise_if_stopped)
            return
        with remote(server.url, raise_if_stopped=raise_if_stopped, meter=meter) as model:
            if when == "count":
                server.stop()
            with pytest.raises(Interrupted):
                model.complete(pictured(50)) if when == "call" else model.count_tokens("a")
            stop.clear()
            while (now := meter.read()).in_flight or now.queued:
                time.sleep(0.01)  # the other thread cancels them


def test_pictures_as_files_are_there_only_during_the_call(tmp_path) -> None:
    requests = [*pictured(30), Request("no picture")]
    own = tmp_path / f"{hashlib.sha256(requests[0].image).hexdigest()}.jpg"
    own.write_bytes(requests[0].image)
    with (
        serve(FaultPlan(latency=0.02), character=Character(media_path=tmp_path)) as server,
        remote(server.url, images="file", media_path=str(tmp_path)) as model,
    ):
        seen: list[int] = []
        replies = model.complete(
            requests * 2, lambda _i, _reply: seen.append(len(list(tmp_path.glob("v2xum-*/*.jpg"))))
        )
        assert all(map(belongs, requests[:30] * 2, replies[:30] + replies[31:61]))
    assert seen and max(seen) == 30
    assert list(tmp_path.iterdir()) == [own]


def test_a_folder_that_the_server_may_not_read_stops_the_run(tmp_path) -> None:
    other = tmp_path / "other"
    with (
        serve(character=Character(media_path=other)) as server,
        remote(server.url, images="file", media_path=str(tmp_path)) as model,
        pytest.raises(ConfigError, match=r"--allowed-local-media-path .*`images: base64`"),
    ):
        model.complete(pictured(5))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused(tmp_path) -> None:
    (tmp_path / "file").touch()
    with serve() as server, pytest.raises(ConfigError, match="media_path"):
        remote(server.url, images="file", media_path=str(tmp_path / "file"))


def test_no_proxy_is_used_for_this_machine(monkeypatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serve() as server, remote(server.url) as model:
        assert model.complete([Request("a")])[0].finish == "stop"


def test_a_closed_model_answers_nothing() -> None:
    with serve(FaultPlan(latency=60)) as server:
        model = remote(server.url)
        waiting: list[BaseException] = []

        def wait() -> None:
            try:
                model.complete(pictured(3))
            except RunStopped as error:
                waiting.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        while not server.stats.read().received:
            time.sleep(0.01)
        model.close()
        model.close()
        thread.join(20)
        assert len(waiting) == 1
        for act in (lambda: model.complete(pictured(1)), lambda: model.count_tokens("a")):
            with pytest.raises(RunStopped):
                act()
        assert not any(t.name == "model tiny" for t in threading.enumerate())


SCRIPT = """
import sys
from tests.models.remote_models import pictured, remote
model = remote(sys.argv[1])
print(model.complete(pictured(3))[0].finish)
"""


@pytest.mark.slow
def test_a_process_that_ends_without_closing_prints_no_error() -> None:
    with serve() as server:
        command = [sys.executable, "-W", "error", "-c", SCRIPT, server.url]
        environment = os.environ | {"PYTHONPATH": os.getcwd()}  # noqa: PTH109
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stop\n", "")


@pytest.mark.parametrize("url", ["http://", "http:///v1", "http://a:x/v1", "http://a:0/v1", "http://a/v1?key=1"])
def test_a_wrong_address_is_refused_before_any_request(url) -> None:
    with pytest.raises(ValueError, match="base_urls"):
        remote(url)


def test_a_run_closes_its_models(tmp_path) -> None:
    from curation.ledger.ledger import Ledger
    from curation.pipeline.services import Services
    from curation.store.store import Store
    from schemas.configuration.config import CurateConfig

    with serve() as server:
        model = {"engine": "openai", "model": "tiny", "base_urls": [server.url]}
        config = CurateConfig.model_validate({"name": "a", "models": {"captioner": model, "summarizer": model}})
        ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
        with Services(config, ledger, Store(tmp_path / "store")) as services:
            assert services.captioner.context == 8192 and services.summarizer.count_tokens("a") > 0
            assert sum(t.name == "model tiny" for t in threading.enumerate()) == 2
        ledger.close()
        assert not any(t.name == "model tiny" for t in threading.enumerate())
