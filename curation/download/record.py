"""Turns a downloaded file into the stored file and its `Video` record."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from curation.video.probe import MediaInfo
from schemas.errors import (
    StageError,
    StorageFull,
    TransientError,
    is_storage_full,
)
from schemas.records import Publication, Source, Subtitle, Video

Probe = Callable[[Path], MediaInfo]
Progress = Callable[[int, int | None], None]
_EXTENSIONS = {"mov": "mp4", "mp4": "mp4", "matroska": "mkv", "mpegts": "ts", "mpeg": "mpg", "asf": "wmv", "ogg": "ogv"}
_WEBM_CODECS = ("vp8", "vp9", "av1")


def _storage_error(error: OSError, reason: str) -> StageError | StorageFull:
    if is_storage_full(error):
        return StorageFull("no space left for the workspace")
    return TransientError(reason, error.strerror or type(error).__name__)


def _extension(media: MediaInfo) -> str:
    """The usual extension of a container, by FFmpeg's name of it."""
    name = media.container.split(",")[0].lower()
    if name == "matroska" and media.codec in _WEBM_CODECS:
        return "webm"
    return _EXTENSIONS.get(name) or re.sub(r"[^a-z0-9]", "", name)[:8] or "bin"


def _video(
    source: Source,
    media: MediaInfo,
    digest: str,
    size: int,
    extension: str,
    publication: Publication,
    subtitles: tuple[Subtitle, ...],
) -> Video:
    return Video(
        id=source.id,
        sha256=digest,
        bytes=size,
        extension=extension,
        container=media.container,
        codec=media.codec,
        duration=media.duration,
        fps=media.fps,
        width=media.width,
        height=media.height,
        rotation=media.rotation,
        has_audio=media.has_audio,
        publication=publication,
        subtitles=subtitles,
    )
