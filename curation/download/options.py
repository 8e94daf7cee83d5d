"""The options of yt-dlp, and the only code that reads its secrets: the cookies file and the proxy."""

from __future__ import annotations

import io
import os
import random
import re
from pathlib import Path
from typing import Any

from curation.download.network import DebugLog
from schemas.configuration.config import DownloadConfig
from schemas.errors import ConfigError

COOKIES_VARIABLE = "V2XUM_COOKIES_FILE"
PROXY_VARIABLE = "V2XUM_PROXY"
_SINGLE_FILES = "[protocol~='^(https?|m3u8(_native)?|http_dash_segments)$']"
_COOKIE_FIELDS = 7
_random = random.SystemRandom()


def build_options(config: DownloadConfig) -> dict[str, Any]:
    """The options of yt-dlp, which the docstring of YoutubeDL explains.

    Whole requests are retried by `attempt.py`, fragments by yt-dlp. Raises ConfigError when V2XUM_COOKIES_FILE does not
    name a cookies file in Netscape format.
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
    if proxy := proxy_address():
        options["proxy"] = proxy
    if cookies := os.environ.get(COOKIES_VARIABLE):
        options["cookiefile"] = _cookies(Path(cookies))
    return options


def retry_pause(config: DownloadConfig, retries: int) -> float:
    """Seconds to wait before a retry when `retries` were made already.

    It is the configured backoff, doubled with every retry, times a random factor from 0.5 to 1: downloads that failed
    together do not all come back at once.
    """
    return float(config.backoff * 2**retries * _random.uniform(0.5, 1.0))


def proxy_address() -> str | None:
    """The address of this process's proxy, for yt-dlp only: it may hold a password."""
    return os.environ.get(PROXY_VARIABLE) or None


def _cookies(path: Path) -> io.StringIO:
    """A copy of the cookies file in memory, because yt-dlp writes to the file that it is given.

    The lines are checked here: yt-dlp prints lines that it does not understand, and cookies are secret.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{COOKIES_VARIABLE}: the file cannot be read ({type(error).__name__})") from None
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.removeprefix("#HttpOnly_")
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != _COOKIE_FIELDS or not re.fullmatch(r"([0-9]+(\.[0-9]+)?)?", fields[4]):
            raise ConfigError(f"{COOKIES_VARIABLE}: line {number} is not in Netscape cookie format")
    return io.StringIO(text if text.startswith("#") else f"# Netscape HTTP Cookie File\n{text}")
