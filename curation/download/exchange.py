"""What crosses between the process and the children in which yt-dlp works: orders, and what came of them.

This module loads no yt-dlp, and neither does any other that the process itself uses.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from curation.download.credentials import Secrets
from schemas.configuration.config import DownloadConfig, FilterConfig
from schemas.errors import StageError
from schemas.records import Publication, Source


class Order(NamedTuple):
    """What an attempt needs; `folder` keeps the unfinished file, `seconds` of wall time are left for the download.

    `opted_out` are the keys of opt-outs (curation.sources.opt_outs): a video that one concerns is not fetched.
    """

    source: Source
    config: DownloadConfig
    filters: FilterConfig
    folder: Path
    seconds: float
    secrets: Secrets
    opted_out: frozenset[str] = frozenset()


class FetchedTrack(NamedTuple):
    """A subtitle track in the folder of the download."""

    language: str
    automatic: bool
    format: str
    file: Path


class Fetched(NamedTuple):
    """A video in the folder of the download, and what its publisher says; `resumed`: its bytes are of two attempts.

    `sound` is a file of its sound, where that was wanted and is not in the video's own. `notes` are sentences for the
    log, and `missed` those about subtitles that are there and could not be fetched.
    """

    file: Path
    resumed: bool
    publication: Publication
    subtitles: tuple[FetchedTrack, ...]
    notes: tuple[str, ...]
    sound: Path | None = None
    missed: tuple[str, ...] = ()


class Failure(NamedTuple):
    """An error, whether another attempt now makes sense, and the seconds that the server asked to wait."""

    error: StageError
    retry: bool
    after: float | None = None
