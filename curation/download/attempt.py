"""One attempt of a download with yt-dlp: metadata, limits, media and subtitles. It runs in a child process.

Pages and manifests are hostile: a manifest of 400 bytes names more fragments than any memory holds, and a page of
50 kB can keep a pattern of an extractor busy for a minute. So yt-dlp works in a child with limits (retries.py), and
only small records come back. Bytes go to files in the folder of the download.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

from yt_dlp.networking import Request
from yt_dlp.utils import YoutubeDLError
from yt_dlp.utils._utils import _UnsafeExtensionError

from curation.download.errors import classify
from curation.download.exchange import Failure, Fetched, FetchedTrack, Order
from curation.download.guard import Guard, fragment_name
from curation.download.metadata import Track, announced, choose_tracks, is_live, read_publication
from curation.download.network import GuardedYoutubeDL
from curation.download.options import build_options
from curation.sources.filters import judge_publication, refuse
from curation.sources.opt_outs import REASON, keys_of
from curation.store import unfinished
from schemas.configuration.config import DownloadConfig
from schemas.errors import HostBlocked, PermanentError, RefusedError, StageError, TransientError
from schemas.kit.blame import is_shortage
from schemas.records import Publication

T = TypeVar("T")

# Errors that come out of yt-dlp; those of the last line come from extractors that read an unexpected page.
_ESCAPING = (
    *(YoutubeDLError, _UnsafeExtensionError, OSError, HTTPException),
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, AssertionError),
)


def attempt(order: Order, metadata_read: Callable[[], object] = lambda: None) -> Fetched | Failure:
    """Fetch the video of a source into the folder of the order, or say why that failed.

    `metadata_read` is called between the metadata and the media. Raises RunStopped such as StorageFull, and an error of
    memory as it is.
    """
    return _guarded(order, lambda ydl, guard: _download(ydl, order, guard, metadata_read))


def look(order: Order) -> Publication | Failure:
    """What the publisher says now of the video of a source, or why it is not there. No media are fetched.

    Raises as `attempt`.
    """
    return _guarded(order, lambda ydl, _guard: read_publication(_single(ydl, order.source.uri)))


def _guarded(order: Order, work: Callable[[GuardedYoutubeDL, Guard], T]) -> T | Failure:
    """Do `work` with yt-dlp behind the guard of the order, or say why it failed."""
    with Guard(order.config, order.folder, wall_seconds=order.seconds) as guard:
        try:
            with GuardedYoutubeDL(build_options(order.config, order.secrets), guard) as ydl:
                return work(ydl, guard)
        except StageError as error:
            failure = Failure(error, retry=False)
        except _ESCAPING as error:
            if is_shortage(error):
                raise
            failure = classify(error, http=guard.http, of_media=guard.http_of_media)
        return _weighed(failure, order, guard)


def _weighed(failure: Failure, order: Order, guard: Guard) -> Failure:
    """The failure, or what the guard saw before it and yt-dlp does not tell."""
    if (
        guard.refused is not None
        and isinstance(failure.error, TransientError)
        and not isinstance(failure.error, HostBlocked)
    ):
        return Failure(guard.refused, retry=False)
    if guard.expired:
        evidence = f"not done after {order.config.wall_seconds:g} s: {failure.error.reason}"
        return Failure(TransientError("wall_time", evidence), retry=False)
    if guard.changed:
        unfinished.clear(order.folder)
        return Failure(TransientError("changed_on_server", failure.error.evidence), retry=True)
    return failure


def _download(ydl: GuardedYoutubeDL, order: Order, guard: Guard, metadata_read: Callable[[], object]) -> Fetched:
    source, config, folder = order.source, order.config, order.folder
    info = _single(ydl, source.uri)
    publication = read_publication(info)
    if not order.opted_out.isdisjoint(keys_of(source, publication)):
        raise RefusedError(REASON)  # without evidence, which would be published
    height = announced(info, "height")
    refuse(
        judge_publication(
            source,
            publication,
            order.filters,
            duration=announced(info, "duration"),
            height=int(height) if height else None,
        )
    )
    if is_live(info):
        raise TransientError("live", f"{info.get('live_status') or 'live'}: there is no whole file yet")
    _check_size(announced(info, "filesize"), config)
    metadata_read()
    unfinished.repair(folder)
    name = _file_name(info)
    guard.resumed_from = unfinished.reopen(folder, name)
    guard.resumed_fragments = any(folder.glob("*.ytdl"))
    resumed = any(folder.glob("*.part"))
    path = _bytes(ydl, info, order, guard, name)
    notes: list[str] = []
    missed: list[str] = []
    tracks = (_subtitle(ydl, track, order, n, missed) for n, track in enumerate(choose_tracks(info, config.subtitles)))
    found = tuple(track for track in tracks if track is not None)
    sound = _sound(info, order, guard, notes) if config.sound else None
    return Fetched(path, resumed, publication, found, tuple(notes), sound, tuple(missed))


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


def _file_name(info: dict[str, Any]) -> str:
    """The name, without extension, of the file of the chosen format: a hash, and another one for other fragments."""
    chosen = [str(info.get(key)) for key in ("format_id", "ext", "protocol", "vcodec", "height")]
    chosen += [fragment_name(str(part.get("url") or part.get("path"))) for part in info.get("fragments") or ()]
    return sha256("\0".join(chosen).encode("utf-8", "replace")).hexdigest()[:16]


def _bytes(ydl: GuardedYoutubeDL, info: dict[str, Any], order: Order, guard: Guard, name: str) -> Path:
    """Fetch the chosen format and return its file, which is checked to lie in the folder of the download."""
    folder, config = order.folder, order.config
    journal = unfinished.Journal(folder)

    def on_progress(status: dict[str, Any]) -> None:
        done = announced(status, "downloaded_bytes") or 0.0
        _check_size(max(done, announced(status, "total_bytes") or 0.0), config)
        if guard.expired:
            raise TransientError("wall_time", f"{done:.0f} bytes in {config.wall_seconds:g} s")
        index = status.get("fragment_index")
        if isinstance(index, int) and status.get("status") == "downloading":
            journal.note(index, Path(status["tmpfilename"]))

    ydl.params["outtmpl"]["default"] = str(folder).replace("%", "%%") + f"/{name}.%(ext)s"
    ydl.add_progress_hook(on_progress)
    guard.release()
    guard.recording = True
    try:
        result = ydl.process_ie_result(info, download=True)
    finally:
        guard.recording = False
    made = (result or {}).get("requested_downloads") or [{}]
    path = Path(made[0].get("filepath") or "")
    if not path.is_file() or path.resolve().parent != folder.resolve():
        raise TransientError("no_file", "yt-dlp ended without a file")
    if guard.expired:
        unfinished.clear(folder)  # the connection was shut while it was read: the file may be cut off
        raise TransientError("wall_time", f"not done after {config.wall_seconds:g} s")
    _check_size(path.stat().st_size, config)
    return path


def _sound(info: dict[str, Any], order: Order, guard: Guard, notes: list[str]) -> Path | None:
    """Fetch a file of sound for a video whose chosen format has none; None, where its own has, or nobody offers one.

    The file lies in a folder of its own, which survives crashes too, since the rules of unfinished downloads are about
    one file in a folder. The chosen format of the picture leaves keys in `info`, which are no keys of the sound's.
    """
    if info.get("acodec") != "none":
        return None
    formats = [one for one in info.get("formats") or () if isinstance(one, dict)]
    if not any(one.get("vcodec") == "none" and one.get("acodec") != "none" for one in formats):
        notes.append("the picture has no sound, and no file of sound is offered")
        return None
    of_formats = set[Any]().union(*formats)
    folder = order.folder / "sound"
    folder.mkdir(exist_ok=True)
    left = max(0.0, guard.deadline - time.monotonic())
    with Guard(order.config, folder, wall_seconds=left) as own:
        try:
            with GuardedYoutubeDL(build_options(order.config, order.secrets, sound=True), own) as ydl:
                bare = {key: value for key, value in info.items() if key not in of_formats}
                chosen = ydl.process_ie_result(bare, download=False)
                _check_size(announced(chosen, "filesize"), order.config)
                unfinished.repair(folder)
                name = _file_name(chosen)
                own.resumed_from = unfinished.reopen(folder, name)
                own.resumed_fragments = any(folder.glob("*.ytdl"))
                return _bytes(ydl, chosen, order._replace(folder=folder), own, name)
        finally:
            guard.refused, guard.changed = guard.refused or own.refused, guard.changed or own.changed
            guard.http, guard.http_of_media = own.http or guard.http, own.http_of_media or guard.http_of_media


def _subtitle(ydl: GuardedYoutubeDL, track: Track, order: Order, number: int, missed: list[str]) -> FetchedTrack | None:
    """Put a subtitle track into a file; None, and a note in `missed`, when it cannot be fetched: the video is kept."""
    content = (track.data or "").encode("utf-8", "replace")
    try:
        if not content and track.url:
            with ydl.urlopen(Request(track.url)) as response:
                content = response.read()
        if not content:
            return None
        file = order.folder / f"subtitle-{number}"
        file.write_bytes(content)
    except _ESCAPING as error:
        if is_shortage(error):
            raise
        missed.append(f"subtitles in {track.language}: {classify(error).error.reason}")
        return None
    return FetchedTrack(track.language, track.automatic, track.format, file)


def _check_size(size: float | None, config: DownloadConfig) -> None:
    """Raise RefusedError `too_large` for more bytes than the configuration allows."""
    if size is not None and size > config.max_megabytes * 1e6:
        raise RefusedError("too_large", f"{size / 1e6:.1f} MB, at most {config.max_megabytes:g} MB")
