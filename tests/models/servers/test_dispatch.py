"""The `openai` engine against servers that fail: no reply is lost, doubled or attached to another request."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import web

from demo.faulty_server.plan import FaultPlan, even
from demo.faulty_server.server import serve
from models.chat import Reply, Request
from models.meter import Meter
from schemas.errors import RunStopped, ServerGone, TransientError
from tests.models.odd_server import completion, odd_server
from tests.models.remote_models import FaultProcess, belongs, pictured, remote

DROPS = ("rate_limit", "server_error", "drop_before", "drop_inside")


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2])
def test_injected_faults_lose_and_mix_up_nothing(replicas) -> None:
    plan = FaultPlan(seed=3, capacity=16, latency=0.005, shuffle=0.02, retry_after=0.05, **even(0.2, DROPS))
    meter = Meter()
    with serve(plan) as first, serve(plan) as second:
        urls = [first.url, second.url][:replicas]
        with remote(*urls, meter=meter, retries=12) as model:
            requests = pictured(400)
            with ThreadPoolExecutor(8) as pool:
                parts = [requests[i : i + 50] for i in range(0, 400, 50)]
                replies = [reply for part in pool.map(model.complete, parts) for reply in part]
    assert all(map(belongs, requests, replies))
    reading = meter.read()
    assert set(reading.retries) == {"rate_limited", "server_error", "connection"}
    assert (reading.in_flight, reading.queued, reading.failures, reading.paused) == (0, 0, {}, None)


class Script:
    """Answers by a function of (request number, text, request id); records when requests came."""

    def __init__(self, act) -> None:
        self.act = act
        self.came: list[tuple[float, str]] = []

    async def __call__(self, request: web.Request, body: dict) -> web.StreamResponse:
        text = body["messages"][0]["content"]
        self.came.append((time.monotonic(), text))
        answer = self.act(len(self.came), text, request.headers["X-Request-Id"])
        return await answer if asyncio.iscoroutine(answer) else answer


def error(status: int, message: str = "because", **headers: str) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status, headers=headers)


@pytest.mark.slow
def test_a_retry_waits_as_long_as_the_server_asked() -> None:
    script = Script(lambda n, _text, own: error(429, **{"Retry-After": "1"}) if n == 1 else completion(own))
    meter = Meter()
    with odd_server(script) as url, remote(url, meter=meter) as model:
        assert model.complete([Request("a")])[0].text == "fine"
    assert script.came[1][0] - script.came[0][0] >= 0.99
    assert meter.read().retries == {"rate_limited": 1}


@pytest.mark.slow
def test_a_request_that_waits_for_its_retry_holds_no_place() -> None:
    script = Script(
        lambda n, text, own: error(429, **{"Retry-After": "2"}) if text == "0" and n == 1 else completion(own)
    )
    with odd_server(script) as url, remote(url, concurrency={"start": 1, "max": 1}) as model:
        model.complete([Request(str(i)) for i in range(5)])
    assert [text for _, text in script.came] == ["0", "1", "2", "3", "4", "0"]


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_refused_request_is_not_sent_again(status) -> None:
    script = Script(lambda _n, text, own: error(status, "too\x1b[31m long") if text == "bad" else completion(own))
    meter = Meter()
    with odd_server(script) as url, remote(url, meter=meter) as model:
        good, bad = model.complete([Request("good"), Request("bad")])
    assert good.finish == "stop" and len(script.came) == 2
    assert bad == Reply(f"HTTP {status}: too[31m long", "refused", 0, 0)
    assert meter.read().failures == {"refused": 1}


@pytest.mark.slow
def test_time_outs_are_retried_then_given_up() -> None:
    script = Script(lambda _n, text, own: asyncio.sleep(60) if text == "slow" else completion(own))
    meter = Meter()
    with odd_server(script) as url, remote(url, meter=meter, timeout=0.3, retries=2) as model:
        quick, slow = model.complete([Request("quick"), Request("slow")])
    assert quick.finish == "stop" and slow.finish == "failed" and "3 attempts" in slow.text
    assert meter.read().retries == {"timeout": 2} and meter.read().failures == {"timeout": 1}


async def trickle(own: str) -> web.Response:
    """A body that comes one byte every 0.1 s: each read is quick, the whole body is not."""
    return web.Response(body=_slow_bytes(), content_type="application/json")


async def _slow_bytes():
    while True:
        yield b" "
        await asyncio.sleep(0.1)


@pytest.mark.slow
def test_a_trickling_body_is_a_time_out() -> None:
    script = Script(lambda n, _text, own: trickle(own) if n == 1 else completion(own))
    meter = Meter()
    with odd_server(script) as url, remote(url, meter=meter, timeout=1) as model:
        assert model.complete([Request("a")])[0].text == "fine"
    assert meter.read().retries == {"timeout": 1}


def test_an_endless_body_is_cut() -> None:
    script = Script(lambda n, _text, own: web.Response(body=b" " * (9 * 2**20)) if n == 1 else completion(own))
    meter = Meter()
    with odd_server(script) as url, remote(url, meter=meter) as model:
        assert model.complete([Request("a")])[0].text == "fine"
    assert meter.read().retries == {"bad_response": 1}


def test_a_request_that_alone_meets_errors_is_refused() -> None:
    script = Script(lambda _n, text, own: error(500, "boom") if text == "poison" else completion(own))
    with odd_server(script) as url, remote(url, retries=2, backoff=0.3) as model, ThreadPoolExecutor(1) as pool:
        poison = pool.submit(model.complete, [Request("poison")])
        while not poison.done():
            model.complete([Request("good")])
        assert poison.result()[0].finish == "refused"


def test_requests_that_all_meet_errors_have_failed() -> None:
    meter = Meter()
    script = Script(lambda _n, _text, _own: error(500, "boom"))
    with odd_server(script) as url, remote(url, meter=meter, retries=2) as model:
        replies = model.complete([Request(str(i)) for i in range(4)])
    assert {reply.finish for reply in replies} == {"failed"} and meter.read().failures == {"server_error": 4}


BAD = {
    "no choices": lambda own: completion(own, choices=[]),
    "no text": lambda own: completion(own, None),
    "no JSON": lambda _own: web.Response(text="<html>"),
    "half": lambda _own: web.Response(text='{"id": "'),
    "other model": lambda own: completion(own, model="tiny-2"),
    "aborted": lambda own: completion(own, choices=[{"message": {"content": "a"}, "finish_reason": "abort"}]),
    "redirect": lambda _own: web.Response(status=307, headers={"Location": "http://127.0.0.1:9/"}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_body_that_is_no_answer_is_asked_again(name) -> None:
    script = Script(lambda n, _text, own: BAD[name](own) if n == 1 else completion(own))
    meter = Meter()
    with odd_server(script) as url, remote(url, meter=meter) as model:
        assert model.complete([Request("a")])[0] == Reply("fine", "stop", 3, 2, url)
    assert meter.read().retries == {"bad_response": 1}


def test_the_reply_to_another_request_is_asked_again() -> None:
    ids: list[str] = []

    def act(_n: int, text: str, own: str) -> web.Response:
        ids.append(own)
        return completion(ids[0] if len(ids) == 2 else own, text)

    meter = Meter()
    with odd_server(Script(act)) as url, remote(url, meter=meter, concurrency={"start": 1, "max": 1}) as model:
        assert [reply.text for reply in model.complete([Request("a"), Request("b")])] == ["a", "b"]
    assert meter.read().retries == {"misrouted": 1} and len(set(ids)) == 3


@pytest.mark.slow
def test_a_server_that_is_killed_and_started_again() -> None:
    meter, paused = Meter(), []
    with FaultProcess(capacity=8, latency=0.05) as server, remote(server.url, meter=meter, retries=0) as model:
        requests = pictured(200)

        def kill() -> None:
            for _ in range(2):
                while server.answered() < 20:
                    time.sleep(0.01)
                server.kill()
                while meter.read().paused is None:
                    time.sleep(0.01)
                paused.append(meter.read().paused)
                server.start()
                while meter.read().paused is not None:
                    time.sleep(0.01)

        with ThreadPoolExecutor(1) as pool:
            killing = pool.submit(kill)
            replies = model.complete(requests)
            killing.result()
    assert all(map(belongs, requests, replies))
    assert len(paused) == 2 and all("no model server since" in why and server.url in why for why in paused)
    reading = meter.read()
    assert (reading.in_flight, reading.queued, reading.paused, reading.failures) == (0, 0, None, {})


@pytest.mark.slow
def test_the_run_stops_when_the_patience_is_over() -> None:
    meter = Meter()
    with FaultProcess(capacity=4, latency=0.02) as server:
        with remote(server.url, meter=meter, patience=0.6) as model:
            with ThreadPoolExecutor(3) as pool:
                calls = [pool.submit(model.complete, pictured(800, seed)) for seed in range(2)]
                while server.answered() < 20:
                    time.sleep(0.01)
                server.kill()
                for call in calls:
                    with pytest.raises(ServerGone, match="run the same command") as caught:
                        call.result()
                    assert server.url in str(caught.value)
            for act in (lambda: model.count_tokens("a"), lambda: model.complete(pictured(1))):
                with pytest.raises(ServerGone):
                    act()
            server.start()
            while meter.read().paused is not None:
                time.sleep(0.01)
            assert all(map(belongs, pictured(9), model.complete(pictured(9))))
        server.kill()
        with pytest.raises(ServerGone):
            remote(server.url, patience=0)


@pytest.mark.slow
def test_a_replica_that_dies_leaves_its_work_to_the_other() -> None:
    meter = Meter()
    with FaultProcess(capacity=8, latency=0.02) as first, FaultProcess(capacity=8, latency=0.02) as second:
        with remote(first.url, second.url, meter=meter, retries=0) as model, ThreadPoolExecutor(1) as pool:
            requests = pictured(400)
            call = pool.submit(model.complete, requests)
            while first.answered() < 20:
                time.sleep(0.01)
            first.kill()
            assert all(map(belongs, requests, call.result()))
        assert second.answered() > 100 and meter.read().paused is None


@pytest.mark.slow
def test_a_server_that_comes_back_with_another_model_is_not_used() -> None:
    from demo.faulty_server.requests import Character

    with serve(FaultPlan(latency=0.01)) as server, remote(server.url, patience=1) as model:
        server.character = Character(model="other")
        with pytest.raises(ServerGone, match="does not serve 'tiny' but: other"):
            model.complete(pictured(20))


def test_a_server_that_loses_every_request_does_not_block_the_run() -> None:
    async def hang_up(request: web.Request, _body: dict) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    with odd_server(hang_up) as url, remote(url, retries=2) as model:
        assert model.complete([Request("a")])[0].finish == "failed"


def test_counting_tokens_survives_faults() -> None:
    meter = Meter()
    with serve() as server, remote(server.url, meter=meter) as model:
        server.stop()
        with ThreadPoolExecutor(1) as pool:
            counted = pool.submit(model.count_tokens, "some text")
            while meter.read().paused is None:
                time.sleep(0.005)
            server.start()
            assert counted.result() > 0


def test_counting_tokens_that_never_works_is_transient() -> None:
    async def broken(_request: web.Request, _body: dict) -> web.Response:
        return error(500)

    with (
        odd_server(broken, broken_tokenize=True) as url,
        remote(url, retries=1) as model,
        pytest.raises(TransientError, match="counting tokens"),
    ):
        model.count_tokens("a")


def test_a_server_that_begins_to_refuse_everything_stops_the_run() -> None:
    broke = False
    script = Script(lambda _n, _text, own: error(402, "insufficient credit") if broke else completion(own))
    with odd_server(script) as url, remote(url) as model:
        assert model.complete([Request("a")])[0].finish == "stop"
        broke = True
        # One call alone may be one video whose pictures nobody can read.
        assert {reply.finish for reply in model.complete([Request(f"b{i}") for i in range(40)])} == {"refused"}
        with pytest.raises(RunStopped, match=r"refused the last .* insufficient credit"):
            for call in range(3):
                model.complete([Request(f"{call} {i}") for i in range(4)])


def test_a_server_that_refuses_from_the_beginning_gets_few_requests() -> None:
    script = Script(lambda _n, _text, _own: error(400, "unknown option"))
    with odd_server(script) as url, remote(url) as model, pytest.raises(RunStopped, match="unknown option"):
        model.complete([Request(str(i)) for i in range(1000)])
    assert len(script.came) < 100


def test_a_call_that_fails_early_leaves_no_place_taken() -> None:
    script = Script(lambda _n, _text, own: completion(own))
    meter = Meter()

    def fail(_position: int, _reply: Reply) -> None:
        raise TransientError("full", "the store of replies")

    with odd_server(script) as url, remote(url, meter=meter, concurrency={"start": 1, "max": 1}) as model:
        for _ in range(5):
            with pytest.raises(TransientError):
                model.complete([Request(str(i)) for i in range(20)], fail)
        assert [reply.finish for reply in model.complete([Request("after"), Request("that")])] == ["stop", "stop"]
        reading = meter.read()
    assert (reading.in_flight, reading.queued) == (0, 0)


def test_the_message_of_a_server_never_shows_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("V2XUM_API_KEY", "sk-very-secret-123")
    echo = web.json_response
    script = Script(
        lambda _n, _text, _own: echo({"echo": "Authorization: Bearer sk-very-secret-123", "x": "y" * 10**6})
    )
    with odd_server(script) as url, remote(url, retries=1) as model:
        reply = model.complete([Request("a")])[0]
    assert reply.finish == "failed" and "sk-very-secret" not in reply.text and len(reply.text) < 1000
