"""The dispatcher of a model: it sends queued requests to servers, retries them, and hands the replies back.

There is one queue for all calls, and no request waits for the rest of its call. A request that waits for a retry holds
no place at a server. Everything runs on one event loop. Other threads hand in a call through `submit` and get the
replies through the call's inbox.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import secrets
import time
from typing import Literal

from models.chat import Reply
from models.meter import Meter
from models.servers.failures import Fault, RequestFailed, log_line, pause_before
from models.servers.fleet import ErrorFactory, Fleet
from models.servers.jobs import Call, Job, Place
from models.servers.server import Server
from models.servers.wire import Wire
from schemas.configuration.model_config import ServerConfig
from schemas.errors import ConfigError, RunStopped, TransientError

_MOST_LOSSES = 10  # a request under which servers vanish more often than this is given up
_MOST_REFUSALS = 16  # after this many without any reply (later: twice as many) the server is to blame
_SUSPICIOUS = 3  # after this many failures in a row a server is checked
_MEDIA_FLAG = ("allowed-local-media-path", "allowed_local_media_path")


class Dispatcher:
    """The queue of a model's requests and their way to the servers."""

    def __init__(self, config: ServerConfig, key: str | None, meter: Meter, wire: Wire, fleet: Fleet) -> None:
        """`key` is the API key. `fleet` must call `pump` when a server changes, and `fail` when it gives up."""
        self._config, self._key, self._meter, self._wire, self._fleet = config, key, meter, wire, fleet
        self._queue: list[tuple[int, Job]] = []  # a heap by number: first come, first served, also after a retry
        self._numbers = itertools.count()
        self._calls: set[Call] = set()
        self._ended: ErrorFactory | None = None
        self._ids = (f"v2x{secrets.token_hex(7)[:13]}{n:016x}" for n in itertools.count())
        self._checks: set[asyncio.Task[bool]] = set()
        self._refusals = 0
        self._refused_calls: set[int] = set()

    def submit(self, call: Call) -> None:
        """Queue the requests of a call."""
        ended = self._ended or self._fleet.given_up_error
        if ended is not None:
            call.inbox.put(ended())
            return
        self._calls.add(call)
        for job in call.jobs:
            job.number = next(self._numbers)
            self._enqueue(job)
        self.pump()

    def cancel(self, call: Call) -> None:
        """Forget a call: cancel its requests in flight and send none of the others."""
        self._calls.discard(call)
        for job in call.jobs:
            self._drop(job)
        self._queue = [entry for entry in self._queue if entry[1].call is not call]
        heapq.heapify(self._queue)
        self.pump()

    def fail(self, error: ErrorFactory, *, for_good: bool = False) -> None:
        """End every call with an error; with `for_good`, all later calls too."""
        if for_good:
            self._ended = self._ended or error
        for call in list(self._calls):
            call.inbox.put(error())
            self.cancel(call)

    def pump(self) -> None:
        """Send queued requests while a server has a free place."""
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
            job.task = asyncio.create_task(self._attempt(job, server))

    async def count_tokens(self, text: str) -> int:
        """How many tokens a message of this text has. Raises TransientError, or the error that ends every call."""
        for attempt in itertools.count(1):
            server = await self._fleet.any_up()
            try:
                return await server.count_tokens(text)
            except RequestFailed as error:
                fault = error.fault
            if fault.kind == "unauthorized":
                raise self._unauthorized(server, fault)()
            if fault.kind == "connection" and not await self._fleet.still_there(server):
                continue
            if attempt > self._config.retries:
                raise TransientError("model_failed", f"{server.url}, counting tokens: {fault.reason}")
            await asyncio.sleep(pause_before(attempt, self._config.backoff, fault.wait, self._config.patience))
        raise AssertionError("unreachable")

    async def _attempt(self, job: Job, server: Server) -> None:
        """Send a request once, and hand its reply on or recover from its fault."""
        job.waits_to_start = None
        sent = time.monotonic()
        request_id = next(self._ids)
        fault: Fault | None = None
        reply: Reply | None = None
        try:
            wire = self._wire
            body = await server.ask(wire.path, wire.body(job.request, job.urls), wire.content_type, request_id)
            reply, fault = wire.read(body, request_id, job.request)
            # A server's message may hold anything, also the key that it was sent.
            if fault is not None:
                fault = fault._replace(reason=log_line(fault.reason, self._key or ""))
            elif reply is not None and reply.finish == "refused":
                reply = reply._replace(text=log_line(reply.text, self._key or ""))
        except RequestFailed as error:
            fault = error.fault
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_soon(self.pump)  # the request's place is free
            raise
        except Exception as error:  # noqa: BLE001 - a bug in this program: the waiting thread must raise it
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
        """Refuse a request that failed, send it again, or give it up."""
        if fault.kind == "unauthorized":
            self.fail(self._unauthorized(server, fault), for_good=True)
            return
        if fault.kind in ("refused", "missing"):
            # A server that was started again with another model answers every request with 404.
            if fault.kind == "missing" and not await self._fleet.still_there(server):
                self._requeue(job)
            elif any(flag in fault.reason for flag in _MEDIA_FLAG):
                self.fail(self._forbidden_path(server, fault, inline=not job.urls), for_good=True)
            elif self._refuses_everything(job.call):
                self.fail(self._refusal_error(server, fault), for_good=True)
            else:
                self._give_up(job, "refused", fault)
            return
        server.streak += 1
        if fault.kind == "connection":
            if not await self._fleet.still_there(server):
                job.losses += fault.reached
                if job.losses <= _MOST_LOSSES:
                    self._requeue(job)  # not the request's fault: this costs no retry
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
            # Every attempt met an error inside a server that answered other requests between the attempts: the request
            # itself is at fault. Whether the server answered others after the last attempt is not known yet.
            earlier = job.own[:-1]
            guilty = len(job.own) == job.attempts > 1 and all(other.answered_at > when for other, when in earlier)
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
        if job.waits_to_start is not None:  # cancelled before it began: the task itself does not give its place back
            job.waits_to_start.in_flight -= 1
            job.waits_to_start = None
            self._move(job, None)
        if job.place == "queued":
            self._move(job, None)

    def _move(self, job: Job, place: Place | None) -> None:
        """Record where a request is, and change the gauges."""
        if job.place is not None:
            self._meter.change(job.place, -1)
        if place is not None:
            self._meter.change(place, 1)
        job.place = place

    def _note_limit(self, server: Server, before: int) -> None:
        if server.limiter.limit != before:
            self._meter.limit(server.url, server.limiter.limit)

    def _unauthorized(self, server: Server, fault: Fault) -> ErrorFactory:
        state = "is not set" if self._key is None else "is not accepted"
        message = (
            f"model server {server.url}: {fault.reason}; the key in the environment variable "
            f"{self._config.api_key_env} {state}"
        )
        return lambda: ConfigError(message)

    def _forbidden_path(self, server: Server, fault: Fault, *, inline: bool) -> ErrorFactory:
        message = (
            f"model server {server.url} may not read {self._config.media_path!r}: start it with "
            f"--allowed-local-media-path {self._config.media_path}, or set `images: base64`"
        )
        if inline:  # vLLM checks its own folder with every picture, even with a picture in the request
            message = f"model server {server.url} was started with a wrong --allowed-local-media-path: {fault.reason}"
        return lambda: ConfigError(message)

    def _refuses_everything(self, call: Call) -> bool:
        """Whether so many requests of several calls were refused, and none answered, that the server is to blame."""
        self._refusals += 1
        self._refused_calls.add(id(call))
        if not any(server.answered_at for server in self._fleet.servers):
            return self._refusals >= _MOST_REFUSALS
        return self._refusals >= 2 * _MOST_REFUSALS and len(self._refused_calls) >= _SUSPICIOUS

    def _refusal_error(self, server: Server, fault: Fault) -> ErrorFactory:
        message = (
            f"model server {server.url} refused the last {self._refusals} requests, every one: {fault.reason}; "
            "`v2xum doctor` tests the server; `v2xum retry --class permanent` retries videos rejected for this"
        )
        return lambda: RunStopped(message)

    def _suspect(self, server: Server) -> None:
        check = asyncio.ensure_future(self._fleet.still_there(server))
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)
