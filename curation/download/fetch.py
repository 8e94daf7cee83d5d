"""Downloading: from a `Source` to a `Video` in the store, through yt-dlp for anything that is not a local file.

First the metadata are asked for and judged, then the bytes are fetched into a folder that survives crashes, and only
a file that is there and that the probe understands is a success. Nothing is written outside that folder, no name of
the outside becomes a name here, and all network traffic passes `curation.download.network`.
"""

from __future__ import annotations

from pathlib import Path

import yt_dlp.globals

from curation.download.attempt import (
    _attempts,
    _Task,
)
from curation.download.guard import Guard
from curation.download.host_pacing import Hosts
from curation.download.options import proxy_address
from curation.download.record import Probe, Progress, _extension, _storage_error, _video
from curation.sources import addresses
from curation.sources.filters import judge_publication, refuse
from curation.store import unfinished as partials
from curation.store.store import Store
from schemas.config import DownloadConfig, FilterConfig
from schemas.errors import (
    PermanentError,
    PoisonError,
    RefusedError,
)
from schemas.records import Publication, Source, Video

__all__ = ["Hosts", "fetch"]


# What runs is what is installed and pinned: no code from plug-in folders of the machine.
yt_dlp.globals.plugin_dirs.value = []


def fetch(
    source: Source,
    config: DownloadConfig,
    filters: FilterConfig,
    store: Store,
    *,
    probe: Probe,
    hosts: Hosts | None = None,
    progress: Progress | None = None,
) -> Video:
    """Bring a video into the store and tell what it is. May be called from several threads at once.

    `filters` are applied to what the publisher announces, before any bytes are fetched; the file itself is for the
    caller to judge (`filters.judge_video`), so that its record depends on no filter. `hosts` shares pace and pauses
    between calls; `progress` is told bytes done and bytes in all, where known.

    Raises PermanentError, RefusedError and TransientError with the reason, HostBlocked when the host turns us away,
    ConfigError for a cookies file that is none, StorageFull.
    """
    if source.kind == "file":
        return _from_file(source, filters, store, probe)
    addresses.check(source.uri, config, proxied=bool(proxy_address()))
    host = addresses.host_key(source.uri)
    visits = Hosts(config) if hosts is None else hosts
    with visits.visit(host):
        folder = store.partial(source.id)
        with Guard(config, folder, wall_seconds=config.wall_seconds) as guard:
            task = _Task(source, config, filters, store, folder, guard, probe, progress)
            try:
                return _attempts(task, visits, host)
            except (PermanentError, RefusedError, PoisonError):
                partials.discard(folder)
                raise


def _from_file(source: Source, filters: FilterConfig, store: Store, probe: Probe) -> Video:
    path = Path(source.uri)
    try:
        if not path.is_file():
            raise PermanentError("file_not_found", f"no regular file {path.name!r}")
        refuse(judge_publication(source, Publication(), filters))
        info = probe(path)
        stored = store.add("videos", path, _extension(info), move=False)
    except OSError as error:
        raise _storage_error(error, "unreadable_file") from error
    return _video(source, info, stored.sha256, stored.bytes, _extension(info), Publication(), ())
