"""The attempts of one download with yt-dlp: metadata, limits, media, subtitles, and the waits between attempts."""

from __future__ import annotations

import logging
import time
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from yt_dlp.networking import Request
from yt_dlp.utils import YoutubeDLError
from yt_dlp.utils._utils import _UnsafeExtensionError

from curation.download.errors import Failure, classify
from curation.download.guard import Guard
from curation.download.host_pacing import Hosts
from curation.download.metadata import Track, announced, choose_tracks, is_live, read_publication
from curation.download.network import MAX_PAGE, GuardedYoutubeDL
from curation.download.options import build_options, retry_pause
from curation.download.record import Probe, Progress, file_extension, storage_error, video_record
from curation.sources.filters import judge_publication, refuse
from curation.store import unfinished
from curation.store.store import Store
from schemas.configuration.config import DownloadConfig, FilterConfig
from schemas.errors import (
    HostBlocked,
    PermanentError,
    RefusedError,
    StageError,
    TransientError,
)
from schemas.records import Source, Subtitle, Video

log = logging.getLogger(__name__)


# Errors that come out of yt-dlp; those of the last line come from extractors that read an unexpected page.
_ESCAPING = (
    *(YoutubeDLError, _UnsafeExtensionError, OSError, HTTPException),
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, AssertionError),
)


class DownloadTask(NamedTuple):
    """What all attempts of one download share; `folder` keeps the unfinished file."""

    source: Source
    config: DownloadConfig
    filters: FilterConfig
    store: Store
    folder: Path
    guard: Guard
    probe: Probe
    progress: Progress | None


def download_with_retries(task: DownloadTask, hosts: Hosts, host: str) -> Video:
    """Try until the download succeeds, fails for good, or runs out of attempts or time.

    `host` is the key of the source's host: a wait that the host asks for holds for all downloads from it. Raises the
    error of the last attempt.
    """
    config, guard = task.config, task.guard
    for attempt in range(1, config.attempts + 1):
        failure = _attempt(task)
        if isinstance(failure, Video):
            return failure
        wait = failure.after
        if wait is None:
            wait = retry_pause(config, attempt - 1)
        if not failure.retry or attempt == config.attempts or time.monotonic() + wait >= guard.deadline:
            raise failure.error
        log.info("%s: attempt %d: %s; next in %.1f s", task.source.id, attempt, failure.error.reason, wait)
        if failure.after is not None:
            hosts.delay(host, wait)
        time.sleep(wait)
    raise AssertionError("unreachable: attempts >= 1")


def _attempt(task: DownloadTask) -> Video | Failure:
    guard = task.guard
    guard.http, guard.http_of_media = None, False
    try:
        with GuardedYoutubeDL(build_options(task.config), guard) as ydl:
            return _download(ydl, task)
    except StageError as error:
        failure = Failure(error, retry=error.reason == "bad_resume")
    except _ESCAPING as error:
        failure = classify(error, http=guard.http, of_media=guard.http_of_media)
    finally:
        guard.release()
    if (
        guard.refused is not None
        and isinstance(failure.error, TransientError)
        and not isinstance(failure.error, HostBlocked)
    ):
        return Failure(guard.refused, retry=False)
    if guard.expired:
        evidence = f"not done after {task.config.wall_seconds:g} s: {failure.error.reason}"
        return Failure(TransientError("wall_time", evidence), retry=False)
    if guard.changed:
        guard.changed = False
        unfinished.clear(task.folder)
        return Failure(TransientError("changed_on_server", failure.error.evidence), retry=True)
    return failure


def _download(ydl: GuardedYoutubeDL, task: DownloadTask) -> Video:
    source, config = task.source, task.config
    info = _single(ydl, source.uri)
    publication = read_publication(info)
    height = announced(info, "height")
    refuse(
        judge_publication(
            source,
            publication,
            task.filters,
            duration=announced(info, "duration"),
            height=int(height) if height else None,
        )
    )
    if is_live(info):
        raise TransientError("live", f"{info.get('live_status') or 'live'}: there is no whole file yet")
    limit = config.max_megabytes * 1e6
    _check_size(announced(info, "filesize"), limit)
    resumed = any(task.folder.glob("*.part"))
    unfinished.repair(task.folder)
    path = _bytes(ydl, info, task, limit)
    try:
        media = task.probe(path)
    except PermanentError as error:
        if resumed:
            unfinished.clear(task.folder)
            raise TransientError("bad_resume", f"resumed file is unusable: {error}") from error
        raise
    subtitles = tuple(_subtitle(ydl, track, task) for track in choose_tracks(info, config.subtitles))
    try:
        stored = task.store.add("videos", path, file_extension(media), move=True)
        unfinished.discard(task.folder)
    except OSError as error:
        raise storage_error(error, "storage") from error
    kept = tuple(subtitle for subtitle in subtitles if subtitle is not None)
    return video_record(source, media, stored.sha256, stored.bytes, file_extension(media), publication, kept)


def _single(ydl: GuardedYoutubeDL, url: str) -> dict[str, Any]:
    """The metadata of the only video at a URL. Raises PermanentError `playlist` when there are several or none."""
    info = ydl.extract_info(url, download=False)
    for _ in range(3):
        if not isinstance(info, dict):
            raise TransientError("extractor_error", "no metadata")
        if info.get("_type", "video") == "video":
            return info
        entries = [entry for entry in info.get("entries") or () if entry]
        if len(entries) != 1:
            number = "no video" if not entries else "several videos"
            raise PermanentError("playlist", f"{number} at this address: list the address of each video")
        info = ydl.process_ie_result(dict(entries[0]), download=False)
    raise PermanentError("playlist", "a list of lists: list the address of each video")


def _bytes(ydl: GuardedYoutubeDL, info: dict[str, Any], task: DownloadTask, limit: float) -> Path:
    """Fetch the chosen format and return its file, which is checked to lie in the folder of the download."""
    journal = unfinished.Journal(task.folder)

    def on_progress(status: dict[str, Any]) -> None:
        done = announced(status, "downloaded_bytes") or 0.0
        total = announced(status, "total_bytes")
        _check_size(max(done, total or 0.0), limit)
        if task.guard.expired:
            raise TransientError("wall_time", f"{done:.0f} bytes in {task.config.wall_seconds:g} s")
        index = status.get("fragment_index")
        if isinstance(index, int) and status.get("status") == "downloading":
            journal.note(index, Path(status["tmpfilename"]))
        if task.progress is not None:
            estimate = total or announced(status, "total_bytes_estimate")
            task.progress(int(done), int(estimate) if estimate else None)

    chosen = "\0".join(str(info.get(key)) for key in ("format_id", "ext", "protocol", "vcodec", "height"))
    name = sha256(chosen.encode("utf-8", "replace")).hexdigest()[:16]
    ydl.params["outtmpl"]["default"] = str(task.folder).replace("%", "%%") + f"/{name}.%(ext)s"
    ydl.add_progress_hook(on_progress)
    task.guard.release()
    task.guard.recording = True
    try:
        result = ydl.process_ie_result(info, download=True)
    finally:
        task.guard.recording = False
    made = (result or {}).get("requested_downloads") or [{}]
    path = Path(made[0].get("filepath") or "")
    if not path.is_file() or path.resolve().parent != task.folder.resolve():
        raise TransientError("no_file", "yt-dlp ended without a file")
    if task.guard.expired:
        unfinished.clear(task.folder)  # the connection was shut while it was read: the file may be cut off
        raise TransientError("wall_time", f"not done after {task.config.wall_seconds:g} s")
    _check_size(path.stat().st_size, limit)
    return path


def _subtitle(ydl: GuardedYoutubeDL, track: Track, task: DownloadTask) -> Subtitle | None:
    """Put a subtitle track into the store; None, and a warning, when it cannot be fetched: the video is kept."""
    content = (track.data or "").encode("utf-8", "replace")
    try:
        if not content and track.url:
            with ydl.urlopen(Request(track.url)) as response:
                content = response.read(MAX_PAGE)
        if not content:
            return None
        with task.store.scratch() as scratch:
            file = scratch / "subtitle"
            file.write_bytes(content)
            stored = task.store.add("subtitles", file, track.format, move=True)
    except _ESCAPING as error:
        log.warning("%s: subtitles in %s: %s", task.source.id, track.language, classify(error).error.reason)
        return None
    return Subtitle(language=track.language, automatic=track.automatic, sha256=stored.sha256, format=track.format)


def _check_size(size: float | None, limit: float) -> None:
    if size is not None and size > limit:
        raise RefusedError("too_large", f"{size / 1e6:.1f} MB, at most {limit / 1e6:g} MB")
