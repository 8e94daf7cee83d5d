"""Brings the video of a `Source` into the store: a local file directly, anything else with yt-dlp.

First the metadata are fetched and judged. Then the bytes are fetched into a folder that survives crashes. The download
succeeds only when the file exists and the probe can read it. Nothing is written outside that folder, no name from
outside becomes a file name, and all network traffic passes `curation.download.network`.
"""

from __future__ import annotations

from pathlib import Path

from curation.download.credentials import read_secrets
from curation.download.own_subtitles import ReadTracks, own_subtitles
from curation.download.pacing.hosts import Hosts
from curation.download.record import Probe, Progress, file_extension, storage_error, video_record
from curation.download.retries import Children, DownloadTask, download_with_retries
from curation.sources import addresses
from curation.sources.filters import judge_publication, refuse
from curation.store import unfinished
from curation.store.store import Store
from schemas.configuration.config import DownloadConfig, FilterConfig
from schemas.errors import PermanentError, PoisonError, RefusedError, TransientError
from schemas.records import Publication, Source, Video
from schemas.secret_addresses import without_secrets


def fetch(
    source: Source,
    config: DownloadConfig,
    filters: FilterConfig,
    store: Store,
    *,
    probe: Probe,
    children: Children,
    hosts: Hosts | None = None,
    progress: Progress | None = None,
    opted_out: frozenset[str] = frozenset(),
    read_tracks: ReadTracks | None = None,
) -> Video:
    """Bring a video into the store and return its record. Several threads may call it at once.

    `filters` are applied to the publisher's metadata, before any bytes are fetched. The caller judges the file itself
    (`filters.judge_video`), so that the record depends on no filter. `hosts` shares the pace and the pauses of hosts
    between calls; `progress` is called several times a second with the bytes done. yt-dlp works in `children`.
    `read_tracks` takes subtitles out of a file whose publisher gives none beside it, where some are wanted.
    A video that an opt-out of `opted_out` concerns, by what its publisher says, is refused before its bytes come.

    Raises PermanentError, RefusedError and TransientError with the reason, HostBlocked when the host refuses all
    downloads for now, PoisonError from `probe` and when the video's pages or manifests exceed the limits of a child,
    ConfigError for a cookies file in a wrong format, and StorageFull.
    """
    if source.kind == "file":
        return _from_file(source, config, filters, store, probe, read_tracks)
    secrets = read_secrets()
    addresses.check(source.uri, config, proxied=secrets.proxied)
    host = addresses.host_key(source.uri)
    visits = Hosts(config) if hosts is None else hosts
    # The address is a part of the folder's name: bytes of two addresses never meet in one file. A new signature is not
    # another address.
    with visits.visit(host), store.hold_partial(f"{source.id}\0{without_secrets(source.uri)}") as folder:
        task = DownloadTask(
            source, config, filters, store, folder, secrets, children, probe, progress, opted_out, read_tracks
        )
        try:
            return download_with_retries(task, visits, host)
        except (PermanentError, RefusedError, PoisonError):
            unfinished.discard(folder)
            raise


def _from_file(
    source: Source,
    config: DownloadConfig,
    filters: FilterConfig,
    store: Store,
    probe: Probe,
    read_tracks: ReadTracks | None,
) -> Video:
    path = Path(source.uri)
    try:
        if not path.is_file():
            raise PermanentError("file_not_found", f"no regular file {path.name!r}")
        refuse(judge_publication(source, Publication(), filters))
        before = path.stat()
        info = probe(path)
        spoken = source.metadata.get("language")
        beside = source.subtitles or ()
        subtitles, missed = own_subtitles(source.id, path, beside, config, store, read_tracks, spoken)
        stored = store.add("videos", path, file_extension(info), move=False)
        after = path.stat()
    except OSError as error:
        raise storage_error(error, "unreadable_file") from error
    if (before.st_ino, before.st_size, before.st_mtime_ns) != (after.st_ino, after.st_size, after.st_mtime_ns):
        raise TransientError("file_changed", f"{path.name!r} was written to while it was copied: wait, and run again")
    extension = file_extension(info)
    return video_record(
        source, info, stored.sha256, stored.bytes, extension, Publication(), subtitles, missed_subtitles=missed
    )
