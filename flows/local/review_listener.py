"""Pulls verdicts whenever Label Studio's webhook rings, and at intervals, which make up for lost rings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from filelock import FileLock, Timeout

from annotation.label_studio.access import find_access, review_folder
from annotation.label_studio.webhook import PATH, receiving, webhook_secret
from annotation.label_studio.webhook_registration import hook_address, register, unregister
from annotation.pull.pull import Result
from curation.workspace import Workspace
from flows.review_steps import project_title, pull_workspace
from schemas.errors import V2XumError, WorkspaceBusy

# The pause between a ring and its pull: people who submit together cause one pull, and a server that rings before it
# has stored the annotation has stored it by then.
SETTLE_SECONDS = 1.0


class Callbacks(NamedTuple):
    """The functions that a listener calls: `came` after a pull with news, `report_progress` for all other messages."""

    came: Callable[[Result], None]
    report_progress: Callable[[str], None]


async def follow(
    turn: Callable[[bool], None],
    bell: asyncio.Event,
    stop: asyncio.Event,
    every: float,
    settle: float = SETTLE_SECONDS,
) -> None:
    """Call `turn` in a thread, one call at a time: `settle` seconds after a ring, else `every` seconds after a call.

    `turn`'s argument is whether the bell rang. After the last ring there is always one more call. To stop, set `stop`
    and then `bell`; `follow` returns after the call that is running. Raises what `turn` raises.
    """
    while True:
        rang = await _set_within(bell, every)
        if stop.is_set() or await _set_within(stop, settle if rang else 0):
            return
        bell.clear()  # before the call: a ring during the call is for the next one
        await asyncio.to_thread(turn, rang)


async def listen(
    place: Workspace,
    project: str | None,
    port: int,
    host_url: str | None,
    every: float,
    bell: asyncio.Event,
    stop: asyncio.Event,
    callbacks: Callbacks,
) -> None:
    """Let Label Studio ring at `port`; pull at once, at every ring and every `every` seconds, until `stop` is set.

    `project`, `host_url`: as of the command; `bell`, `stop`: as of `follow`. The webhook is removed at the end. Errors
    of later pulls are reported, and the next pull tries again. Raises WorkspaceBusy when another listener runs for this
    workspace, and what `register`, `receiving` and the first pull raise.
    """
    title, access = project_title(place.config(), project), find_access(place.root)
    host, outside = hook_address(access, host_url)
    lock = FileLock(review_folder(place.root) / "listen.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise WorkspaceBusy(f"{place.root}: another `v2xum review listen` runs here") from error
    try:
        secret = webhook_secret(place.root)
        async with receiving(host, port, secret, bell.set) as bound:
            url = f"{outside or f'http://{host}:{bound}'}{PATH}"
            listener = Listener(place, project, title, url, secret, callbacks)
            try:
                await asyncio.to_thread(listener.first)
                callbacks.report_progress(f"listening at {url}; Ctrl-C ends it")
                await follow(listener.later, bell, stop, every)
            finally:
                await asyncio.to_thread(listener.end)
    finally:
        lock.release()


class Listener:
    """What a listener does at its start, at each turn of `follow`, and at its end."""

    def __init__(
        self, place: Workspace, project: str | None, title: str, url: str, secret: str, callbacks: Callbacks
    ) -> None:
        self.place, self.project, self.title = place, project, title
        self.url, self.secret, self.callbacks = url, secret, callbacks
        self.reported: set[str] = set()
        self.registered = False

    def first(self) -> None:
        """Register the webhook, then pull: an annotation that is submitted in between rings already."""
        self._register()
        self._pull()

    def later(self, rang: bool) -> None:
        """Pull; without a ring register first: an older backup or a new project may have no webhook any more."""
        try:
            if not rang:
                self._register()
            self._pull()
        except Exception as error:  # noqa: BLE001 - no error of one pull may end the listener
            known = isinstance(error, V2XumError)
            words = str(error) if known else f"{type(error).__name__}: {error}"
            self.callbacks.report_progress(f"this pull failed; the next one tries again: {words}")

    def end(self) -> None:
        """Remove the webhook if it was registered and the server answers."""
        if not self.registered:
            return
        try:
            unregister(find_access(self.place.root), self.title, self.url)
        except V2XumError as error:
            self.callbacks.report_progress(f"the webhook stays in Label Studio; the next start takes it over: {error}")
        else:
            self.callbacks.report_progress("the webhook is removed")

    def _register(self) -> None:
        register(find_access(self.place.root), self.title, self.url, self.secret)
        self.registered = True

    def _pull(self) -> None:
        result = pull_workspace(self.place, self.project)
        fresh = tuple(problem for problem in result.problems if problem not in self.reported)
        self.reported.update(fresh)  # every pull reads the tasks of the last minutes again
        if result.new or fresh:
            self.callbacks.came(result._replace(problems=fresh))


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
