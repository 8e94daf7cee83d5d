"""Asks a video's publisher whether it is still there and what its licence is. No media are fetched."""

from __future__ import annotations

import os
from pathlib import Path

from curation.download.credentials import read_secrets
from curation.download.exchange import Failure, Order
from curation.download.pacing.hosts import Hosts
from curation.download.retries import GRACE_SECONDS, Children
from curation.sources import addresses
from curation.video.sandbox import Limits
from schemas.configuration.config import DownloadConfig, FilterConfig
from schemas.records import Publication, Source

SECONDS = 120.0  # of wall time: pages and manifests only


def look(source: Source, config: DownloadConfig, *, children: Children, hosts: Hosts) -> Publication:
    """What the publisher says now of the video of a source, which is no local file. Several threads may call it.

    It is asked once: who looks for many videos comes again. The address is checked as for a download, the host's pace
    and pauses are those of `hosts`, and yt-dlp works in `children`.

    Raises PermanentError, RefusedError, TransientError and HostBlocked with the reason, and PoisonError when the pages
    exceed the limits of a child.
    """
    secrets = read_secrets()
    addresses.check(source.uri, config, proxied=secrets.proxied)
    host = addresses.host_key(source.uri)
    seconds = min(SECONDS, config.wall_seconds)
    # Nothing is written: an attempt writes to its folder only while it fetches media.
    order = Order(source, config, FilterConfig(), Path(os.devnull), seconds, secrets)
    limits = Limits(
        seconds + GRACE_SECONDS,
        config.memory_megabytes,
        config.cpu_seconds,
        free_megabytes=config.memory_megabytes / 4,
    )
    with hosts.visit(host):
        found = children.run(_look_in_child, order, limits=limits, meanwhile=_nothing)
        if not isinstance(found, Failure):
            return found
        if found.after is not None:
            hosts.delay(host, found.after)
        raise found.error


def _look_in_child(order: Order) -> Publication | Failure:
    from curation.download.attempt import look  # yt-dlp: only children load it

    return look(order)


def _nothing() -> None:
    """There is no progress to report."""
