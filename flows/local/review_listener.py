"""Verdicts as they come: pulls that a doorbell wakes. A ring that is lost is made up for by the next pull."""

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

# From a ring to the pull: people who submit together are one pull, and what a server says early is there by then.
SETTLE_SECONDS = 1.0


class Callbacks(NamedTuple):
    """Where a listener speaks: `came` for a pull that brought something, `report_progress` for everything else."""

    came: Callable[[Result], None]
    report_progress: Callable[[str], None]


async def follow(
    turn: Callable[[bool], None],
    bell: asyncio.Event,
    stop: asyncio.Event,
    every: float,
    settle: float = SETTLE_SECONDS,
) -> None:
    """Call `turn` in a thread, one call at a time: `settle` seconds after a ring, else `every` seconds after the last.

    It is told whether the bell rang. After the last ring there is always one more turn. Whoever sets `stop` rings too;
    then it returns, after the turn that is under way. Raises what `turn` raises.
    """
    while True:
        rang = await _set_within(bell, every)
        if stop.is_set() or await _set_within(stop, settle if rang else 0):
            return
        bell.clear()  # before the turn: what rings during it is for the next one
        await asyncio.to_thread(turn, rang)


async def listen(
    place: Workspace,
    project: str | None,
    port: int,
    host_url: str | None,
    every: float,
    bell: asyncio.Event,
    stop: asyncio.Event,
    voices: Callbacks,
) -> None:
    """Have Label Studio ring at `port`, and pull at once, at every ring and every so many seconds, until `stop`.

    The webhook is taken back at the end. Errors of later pulls are said, and the next one tries again. Raises
    WorkspaceBusy when another listener is under way here, ConfigError as `register`, `receiving` and `pull` do.
    """
    title, access = project_title(place.config(), project), find_access(place.root)
    host, outside = hook_address(access, host_url)
    lock = FileLock(review_folder(place.root) / "listen.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise WorkspaceBusy(f"{place.root}: another `v2xum review listen` is under way here") from error
    try:
        secret = webhook_secret(place.root)
        async with receiving(host, port, secret, bell.set) as bound:
            url = f"{outside or f'http://{host}:{bound}'}{PATH}"
            turns = _Turns(place, project, title, url, secret, voices)
            try:
                await asyncio.to_thread(turns.first)
                voices.report_progress(f"listening at {url}; Ctrl-C ends it")
                await follow(turns.later, bell, stop, every)
            finally:
                await asyncio.to_thread(turns.end)
    finally:
        lock.release()


class _Turns:
    def __init__(
        self, place: Workspace, project: str | None, title: str, url: str, secret: str, voices: Callbacks
    ) -> None:
        self.place, self.project, self.title = place, project, title
        self.url, self.secret, self.voices = url, secret, voices
        self.told: set[str] = set()
        self.registered = False

    def first(self) -> None:
        """Register, then pull: what is submitted in between rings already."""
        self._register()
        self._pull()

    def later(self, rang: bool) -> None:
        """Pull; where nothing rang for long, the webhook may be gone with an older backup or a new project."""
        try:
            if not rang:
                self._register()
            self._pull()
        except Exception as error:  # noqa: BLE001 - whatever one pull meets, the next one may not
            known = isinstance(error, V2XumError)
            words = str(error) if known else f"{type(error).__name__}: {error}"
            self.voices.report_progress(f"this pull failed, the next one tries again: {words}")

    def end(self) -> None:
        """Take the webhook back, if there is one and the server answers."""
        if not self.registered:
            return
        try:
            unregister(find_access(self.place.root), self.title, self.url)
        except V2XumError as error:
            self.voices.report_progress(f"the webhook stays in Label Studio, and the next start takes it over: {error}")
        else:
            self.voices.report_progress("the webhook is removed")

    def _register(self) -> None:
        register(find_access(self.place.root), self.title, self.url, self.secret)
        self.registered = True

    def _pull(self) -> None:
        result = pull_workspace(self.place, self.project)
        fresh = tuple(problem for problem in result.problems if problem not in self.told)
        self.told.update(fresh)  # tasks of the last minutes are read again at every pull
        if result.new or fresh:
            self.voices.came(result._replace(problems=fresh))


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
