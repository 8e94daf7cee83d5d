"""The `Video` record of a stored file, its extension, and the error of a failed write."""

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
from schemas.records import Publication, Source, StoredSound, Subtitle, Video

Probe = Callable[[Path], MediaInfo]
"""Looks into a video file."""
Progress = Callable[[int], None]
"""Takes the bytes done."""
_EXTENSIONS = {"mov": "mp4", "mp4": "mp4", "matroska": "mkv", "mpegts": "ts", "mpeg": "mpg", "asf": "wmv", "ogg": "ogv"}
_WEBM_CODECS = ("vp8", "vp9", "av1")


def storage_error(error: OSError, reason: str) -> StageError | StorageFull:
    """The error to raise for an OSError of the workspace: StorageFull on a full disk, else TransientError `reason`."""
    if is_storage_full(error):
        return StorageFull("no space left for the workspace")
    return TransientError(reason, error.strerror or type(error).__name__)


def file_extension(media: MediaInfo) -> str:
    """The usual extension of a file's container, as `extension_of` gives it."""
    return extension_of(media.container, media.codec)


def extension_of(container: str, codec: str) -> str:
    """The usual extension of a container by FFmpeg's name, and of the codec in it: 1 to 8 letters or digits."""
    name = container.split(",")[0].lower()
    if name == "matroska" and codec in _WEBM_CODECS:
        return "webm"
    return _EXTENSIONS.get(name) or re.sub(r"[^a-z0-9]", "", name)[:8] or "bin"


def video_record(
    source: Source,
    media: MediaInfo,
    digest: str,
    size: int,
    extension: str,
    publication: Publication,
    subtitles: tuple[Subtitle, ...],
    sound: StoredSound | None = None,
    missed_subtitles: tuple[str, ...] = (),
) -> Video:
    """The record of a stored file: `digest` its SHA-256 (64 hex digits), `size` its bytes."""
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
        sound=sound,
        missed_subtitles=missed_subtitles,
    )
