"""Carries requests to servers and replies back: one queue, no barriers, retries that give their place away.

Everything here runs on one event loop; calls come in from other threads through `submit` and hear through their inbox.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import secrets
import time
from typing import Literal

import openai

from models.chat import Reply
from models.meter import Meter
from models.servers.failures import Fault, pause_before, plain
from models.servers.fleet import Fleet, Raised
from models.servers.jobs import Call, Job, Place
from models.servers.server import Server
from models.servers.wire import Writer, read_answer
from schemas.errors import ConfigError, RunStopped, TransientError
from schemas.model_config import OpenAIModel

_MOST_LOSSES = 10  # times that a server may vanish under one request before that request is to blame
_MOST_REFUSALS = 16  # before the first reply; twice as many later: then the server is to blame
_SUSPICIOUS = 3  # failures in a row after which a server is checked
_MEDIA_FLAG = ("allowed-local-media-path", "allowed_local_media_path")


class Dispatcher:
    """The one queue of a model."""

    def __init__(self, config: OpenAIModel, key: str | None, meter: Meter, writer: Writer, fleet: Fleet) -> None:
        """Bind what it works with; `fleet` must call `pump` when it changes, and `fail` when it gives up."""
        self._config, self._key, self._meter, self._writer, self._fleet = config, key, meter, writer, fleet
        self._queue: list[tuple[int, Job]] = []  # a heap: first come, first served, also after a retry
        self._numbers = itertools.count()
        self._calls: set[Call] = set()
        self._ended: Raised | None = None
        self._ids = (f"v2x{secrets.token_hex(7)[:13]}{n:016x}" for n in itertools.count())
        self._checks: set[asyncio.Task[bool]] = set()
        self._refusals = 0
        self._refused_calls: set[int] = set()

    def submit(self, call: Call) -> None:
        """Queue a call's requests."""
        ended = self._ended or self._fleet.hopeless
        if ended is not None:
            call.inbox.put(ended())
            return
        self._calls.add(call)
        for job in call.jobs:
            job.number = next(self._numbers)
            self._enqueue(job)
        self.pump()

    def cancel(self, call: Call) -> None:
        """Forget a call: nothing of it is sent any more, what is in flight is broken off."""
        self._calls.discard(call)
        for job in call.jobs:
            self._drop(job)
        self._queue = [entry for entry in self._queue if entry[1].call is not call]
        heapq.heapify(self._queue)
        self.pump()

    def fail(self, error: Raised, *, for_good: bool = False) -> None:
        """End every call with an error; `for_good`: those that come, too."""
        if for_good:
            self._ended = self._ended or error
        for call in list(self._calls):
            call.inbox.put(error())
            self.cancel(call)

    def pump(self) -> None:
        """Send what can be sent."""
        while self._queue:
            job = self._queue[0][1]
            server = self._fleet.choose(job.avoid)
            if server is None:
                return
            heapq.heappop(self._queue)
            server.in_flight += 1
            server.sent += 1
            self._move(job, "in_flight")
            job.waits_to_start = server
            job.task = asyncio.create_task(self._carry(job, server))

    async def count_tokens(self, text: str) -> int:
        """Tokens of a message of this text. Raises TransientError, or what ends every call."""
        for attempt in itertools.count(1):
            server = await self._fleet.some()
            try:
                return await server.count_tokens(text)
            except openai.OpenAIError as error:
                fault = server.fault(error)
            if fault.kind == "unauthorized":
                raise self._unauthorized(server, fault)()
            if fault.kind == "connection" and not await self._fleet.still_there(server):
                continue
            if attempt > self._config.retries:
                raise TransientError("model_failed", f"{server.url}, counting tokens: {fault.reason}")
            await asyncio.sleep(pause_before(attempt, self._config.backoff, fault.wait, self._config.patience))
        raise AssertionError("unreachable")

    async def _carry(self, job: Job, server: Server) -> None:
        """One attempt."""
        job.waits_to_start = None
        sent = time.monotonic()
        request_id = next(self._ids)
        fault: Fault | None = None
        reply: Reply | None = None
        try:
            body = await server.ask(self._writer.body(job.request, job.url), request_id)
            reply, fault = read_answer(body, request_id, self._config.model)
            # What a server says of itself may hold anything, also the key that it was shown.
            if fault is not None:
                fault = fault._replace(reason=plain(fault.reason, self._key or ""))
            elif reply is not None and reply.finish == "refused":
                reply = reply._replace(text=plain(reply.text, self._key or ""))
        except openai.OpenAIError as error:
            fault = server.fault(error)
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_soon(self.pump)  # its place is free
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours: the thread that waits must hear of it
            job.call.inbox.put(error)
            return
        finally:
            busy = server.in_flight >= server.limiter.limit
            server.in_flight -= 1
            self._move(job, None)
        now = time.monotonic()
        if fault is None and reply is not None:
            server.answered_at, server.streak = now, 0
            self._refused_calls.clear()
            self._refusals = 0
            before = server.limiter.limit
            server.limiter.reply(now, busy)
            self._note_limit(server, before)
            self._finish(job, reply._replace(server=server.url))
            self.pump()
            return
        assert fault is not None
        self._move(job, "queued")
        if fault.overload:
            before = server.limiter.limit
            server.limiter.overload(now, sent)
            self._note_limit(server, before)
        self.pump()
        await self._recover(job, server, fault, sent)

    async def _recover(self, job: Job, server: Server, fault: Fault, sent: float) -> None:
        """What becomes of a request that failed: refused, sent again, or given up."""
        if fault.kind == "unauthorized":
            self.fail(self._unauthorized(server, fault), for_good=True)
            return
        if fault.kind in ("refused", "missing"):
            # A server that was started again with another model answers 404 to everything.
            if fault.kind == "missing" and not await self._fleet.still_there(server):
                self._requeue(job)
            elif any(flag in fault.reason for flag in _MEDIA_FLAG):
                self.fail(self._forbidden_path(server, fault, sent_along=job.url is None), for_good=True)
            elif self._refuses_everything(job.call):
                self.fail(self._useless(server, fault), for_good=True)
            else:
                self._give_up(job, "refused", fault)
            return
        server.streak += 1
        if fault.kind == "connection":
            if not await self._fleet.still_there(server):
                job.losses += fault.reached
                if job.losses <= _MOST_LOSSES:
                    self._requeue(job)  # not its fault: that costs no retry
                else:
                    self._give_up(job, "failed", fault)
                return
        elif fault.kind in ("timeout", "server_error") and server.streak >= _SUSPICIOUS:
            self._suspect(server)
        self._retry(job, server, fault, sent)

    def _retry(self, job: Job, server: Server, fault: Fault, sent: float) -> None:
        job.attempts += 1
        job.avoid = server
        if fault.own:
            job.own.append((server, sent))
        if job.attempts > self._config.retries:
            # Every attempt broke something inside servers that answered others meanwhile: it is this request. What was
            # answered after the last attempt is not known yet.
            earlier = job.own[:-1]
            guilty = len(job.own) == job.attempts > 1 and all(where.answered_at > when for where, when in earlier)
            self._give_up(job, "refused" if guilty else "failed", fault)
            return
        self._meter.retry(fault.kind)
        delay = pause_before(job.attempts, self._config.backoff, fault.wait, self._config.patience)
        job.timer = asyncio.get_running_loop().call_later(delay, self._requeue, job)

    def _requeue(self, job: Job) -> None:
        job.timer = None
        if job.call in self._calls:
            self._enqueue(job)
            self.pump()

    def _enqueue(self, job: Job) -> None:
        self._move(job, "queued")
        heapq.heappush(self._queue, (job.number, job))

    def _give_up(self, job: Job, finish: Literal["refused", "failed"], fault: Fault) -> None:
        self._meter.failure("refused" if finish == "refused" else fault.kind)
        attempts = f" ({job.attempts} attempts)" if job.attempts > 1 else ""
        self._finish(job, Reply(f"{fault.reason}{attempts}", finish, 0, 0))

    def _finish(self, job: Job, reply: Reply) -> None:
        self._move(job, None)
        job.call.inbox.put((job.position, reply))
        job.call.left -= 1
        if job.call.left == 0:
            self._calls.discard(job.call)

    def _drop(self, job: Job) -> None:
        if job.timer is not None:
            job.timer.cancel()
            job.timer = None
        if job.task is not None and job.task is not asyncio.current_task():
            job.task.cancel()
        if job.waits_to_start is not None:  # it was cancelled before it began: nothing in it gives its place back
            job.waits_to_start.in_flight -= 1
            job.waits_to_start = None
            self._move(job, None)
        if job.place == "queued":
            self._move(job, None)

    def _move(self, job: Job, place: Place | None) -> None:
        """Note where a request is, for the gauges."""
        if job.place is not None:
            self._meter.change(job.place, -1)
        if place is not None:
            self._meter.change(place, 1)
        job.place = place

    def _note_limit(self, server: Server, before: int) -> None:
        if server.limiter.limit != before:
            self._meter.limit(server.url, server.limiter.limit)

    def _unauthorized(self, server: Server, fault: Fault) -> Raised:
        state = "is not set" if self._key is None else "is not accepted"
        message = (
            f"model server {server.url}: {fault.reason}; the key in the environment variable "
            f"{self._config.api_key_env} {state}"
        )
        return lambda: ConfigError(message)

    def _forbidden_path(self, server: Server, fault: Fault, *, sent_along: bool) -> Raised:
        message = (
            f"model server {server.url} may not read {self._config.media_path!r}: start it with "
            f"--allowed-local-media-path {self._config.media_path}, or set `images: base64`"
        )
        if sent_along:  # it checks its own folder with every picture, even with those that lie in the request
            message = f"model server {server.url} was started with a wrong --allowed-local-media-path: {fault.reason}"
        return lambda: ConfigError(message)

    def _refuses_everything(self, call: Call) -> bool:
        """Whether many requests of several calls were refused and none answered: then it is not the requests."""
        self._refusals += 1
        self._refused_calls.add(id(call))
        if not any(server.answered_at for server in self._fleet.servers):
            return self._refusals >= _MOST_REFUSALS
        return self._refusals >= 2 * _MOST_REFUSALS and len(self._refused_calls) >= _SUSPICIOUS

    def _useless(self, server: Server, fault: Fault) -> Raised:
        message = (
            f"model server {server.url} refused the last {self._refusals} requests, every one: {fault.reason}; "
            "`v2xum doctor` tries what it can do. Videos that were rejected for this: `v2xum retry --class permanent`"
        )
        return lambda: RunStopped(message)

    def _suspect(self, server: Server) -> None:
        check = asyncio.ensure_future(self._fleet.still_there(server))
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)
