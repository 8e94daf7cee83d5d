"""The options of yt-dlp."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from curation.download.credentials import Secrets
from curation.download.network import DebugLog
from curation.download.pacing.hosts import retry_pause
from schemas.configuration.config import DownloadConfig

_SPEECH = 96  # kbit/s: more makes no word clearer
_SINGLE_FILES = "[protocol~='^(https?|m3u8(_native)?|http_dash_segments)$']"


def build_options(config: DownloadConfig, secrets: Secrets, *, sound: bool = False) -> dict[str, Any]:
    """The options of yt-dlp, which the docstring of YoutubeDL explains; with `sound`, of a file of sound alone.

    Whole requests are retried by `retries.py`, fragments by yt-dlp. Cookies are given as a copy in memory, because
    yt-dlp writes to the file that it is given.
    """
    options: dict[str, Any] = {
        "quiet": True,
        "noprogress": True,
        "logger": DebugLog(),
        "color": "no_color",
        "cachedir": False,
        "format": f"bv*{_SINGLE_FILES}/b{_SINGLE_FILES}",
        "format_sort": [f"vcodec:{config.prefer_codec}", f"res:{config.max_height}"],
        "check_formats": False,
        "noplaylist": True,
        "extract_flat": "in_playlist",
        "playlistend": 2,
        "writesubtitles": bool(config.subtitles),
        "writeautomaticsub": bool(config.subtitles),
        "subtitleslangs": ["-all"],
        "socket_timeout": config.timeout,
        "retries": 0,
        "extractor_retries": 0,
        "file_access_retries": 0,
        "fragment_retries": config.attempts - 1,
        "retry_sleep_functions": {"fragment": lambda n: retry_pause(config, n)},
        "skip_unavailable_fragments": False,
        "concurrent_fragment_downloads": 1,
        "continuedl": True,
        "updatetime": False,
        "fixup": "never",
        "geo_bypass": False,
        "hls_prefer_native": True,
        "external_downloader": {"default": "native"},
        # A path without ffmpeg: no second program may open connections of its own.
        "ffmpeg_location": str(Path(os.devnull) / "none"),
    }
    if secrets.proxy:
        options["proxy"] = secrets.proxy
    if secrets.cookies is not None:
        options["cookiefile"] = io.StringIO(secrets.cookies)
    if sound:
        chosen = f"ba[abr<={_SPEECH}]{_SINGLE_FILES}/ba{_SINGLE_FILES}"
        options |= {"format": chosen, "format_sort": [], "writesubtitles": False, "writeautomaticsub": False}
    return options
