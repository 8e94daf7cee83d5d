"""The attempts of one download, and the waits between them; each attempt runs in a child process with limits.

Extraction parses hostile pages and manifests, so a child may use `download.memory_megabytes` of memory, and
`download.cpu_seconds` of CPU time until the metadata are read. Afterwards the wall time is the limit. What exceeds a
limit is `poison`: a later run does not pay for it again.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from curation.download.credentials import Secrets
from curation.download.exchange import Failure, Fetched, Order
from curation.download.own_subtitles import ReadTracks, own_subtitles
from curation.download.pacing.hosts import Hosts, retry_pause
from curation.download.record import Probe, Progress, file_extension, storage_error, video_record
from curation.store import unfinished
from curation.store.store import Store
from curation.video.sandbox import Limits, lift_cpu_limit
from schemas.configuration.config import DownloadConfig, FilterConfig
from schemas.errors import PermanentError, PoisonError, TransientError
from schemas.records import Source, StoredSound, Subtitle, Video

log = logging.getLogger(__name__)
T = TypeVar("T")
# yt-dlp ends by itself at the end of the wall time. A child that still works so many seconds later hangs.
GRACE_SECONDS = 30.0
_WAYS_OUT = {
    "memory": "; for a source that you trust, raise download.memory_megabytes",
    "cpu_time": "; for a source that you trust, raise download.cpu_seconds",
}


class Children(Protocol):
    """Where attempts run: curation.video.sandboxes.Sandboxes."""

    def run(self, function: Callable[..., T], *args: Any, limits: Limits, meanwhile: Callable[[], object]) -> T:
        """Call a function in a child, as `Sandbox.run` does."""
        ...


class DownloadTask(NamedTuple):
    """What all attempts of one download share; `folder` keeps the unfinished file."""

    source: Source
    config: DownloadConfig
    filters: FilterConfig
    store: Store
    folder: Path
    secrets: Secrets
    children: Children
    probe: Probe
    progress: Progress | None
    opted_out: frozenset[str] = frozenset()
    read_tracks: ReadTracks | None = None


def download_with_retries(task: DownloadTask, hosts: Hosts, host: str) -> Video:
    """Try until the download succeeds, fails for good, or runs out of attempts or time.

    `host` is the key of the source's host: a wait that the host asks for holds for all downloads from it. Raises the
    error of the last attempt, and PoisonError when an attempt exceeds the limits of its child.
    """
    config = task.config
    left = config.wall_seconds
    for number in range(1, config.attempts + 1):
        started = time.monotonic()
        failure = _attempt(task, left)
        if isinstance(failure, Video):
            return failure
        left -= time.monotonic() - started
        wait = failure.after
        if wait is None:
            wait = retry_pause(config, number - 1)
        if not failure.retry or number == config.attempts or wait >= left:
            raise failure.error
        log.info("%s: attempt %d: %s; next in %.1f s", task.source.id, number, failure.error.reason, wait)
        if failure.after is not None:
            hosts.delay(host, wait)
        time.sleep(wait)
        left -= wait
    raise AssertionError("unreachable: attempts >= 1")


def _attempt(task: DownloadTask, seconds: float) -> Video | Failure:
    order = Order(task.source, task.config, task.filters, task.folder, seconds, task.secrets, task.opted_out)
    memory = task.config.memory_megabytes
    limits = Limits(seconds + GRACE_SECONDS, memory, task.config.cpu_seconds, free_megabytes=memory / 4)
    try:
        outcome = task.children.run(_attempt_in_child, order, limits=limits, meanwhile=lambda: _report(task))
    except PoisonError as error:
        way_out = _WAYS_OUT.get(error.reason, "")
        raise PoisonError(error.reason, f"reading its pages and manifests: {error.evidence}{way_out}") from error
    if isinstance(outcome, Failure):
        return outcome
    for note in (*outcome.notes, *outcome.missed):
        log.warning("%s: %s", task.source.id, note)
    try:
        return _stored(task, outcome)
    except TransientError as error:
        return Failure(error, retry=error.reason == "bad_resume")


def _attempt_in_child(order: Order) -> Fetched | Failure:
    from curation.download.attempt import attempt  # yt-dlp: only children load it

    return attempt(order, lift_cpu_limit)


def _report(task: DownloadTask) -> None:
    """Tell the bytes that lie in the folder of the download. A fragment is counted once it is part of the file."""
    if task.progress is None:
        return
    sizes = [0]
    for file in task.folder.glob("*"):
        try:
            sizes.append(file.stat().st_size)
        except FileNotFoundError:
            continue  # it was renamed
    task.progress(max(sizes))


def _stored(task: DownloadTask, fetched: Fetched) -> Video:
    try:
        media = task.probe(fetched.file)
    except PermanentError as error:
        if fetched.resumed:
            unfinished.clear(task.folder)
            raise TransientError("bad_resume", f"resumed file is unusable: {error}") from error
        raise
    subtitles = []
    try:
        for track in fetched.subtitles:
            kept = task.store.add("subtitles", track.file, track.format, move=True)
            subtitles.append(
                Subtitle(language=track.language, automatic=track.automatic, sha256=kept.sha256, format=track.format)
            )
        missed = fetched.missed
        if not subtitles:
            own, unread = own_subtitles(task.source.id, fetched.file, (), task.config, task.store, task.read_tracks)
            subtitles, missed = [*own], (*missed, *unread)
        sound = _stored_sound(task.store, fetched.sound) if fetched.sound is not None else None
        stored = task.store.add("videos", fetched.file, file_extension(media), move=True)
        unfinished.discard(task.folder)
    except OSError as error:
        raise storage_error(error, "storage") from error
    if task.progress is not None:
        task.progress(stored.bytes)
    extension = file_extension(media)
    return video_record(
        task.source, media, stored.sha256, stored.bytes, extension, fetched.publication, tuple(subtitles), sound, missed
    )


def _stored_sound(store: Store, file: Path) -> StoredSound:
    """Nobody has looked into the file: who reads it finds out what it is."""
    extension = re.sub(r"[^a-z0-9]", "", file.suffix.lower())[:8] or "bin"
    kept = store.add("sounds", file, extension, move=True)
    return StoredSound(sha256=kept.sha256, bytes=kept.bytes, extension=extension)
