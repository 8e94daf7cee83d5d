"""The only code that reads the secrets of downloads: the cookies file and the proxy."""

from __future__ import annotations

import os
import re
import urllib.request
from pathlib import Path
from typing import NamedTuple

from schemas.errors import ConfigError

COOKIES_VARIABLE = "V2XUM_COOKIES_FILE"
PROXY_VARIABLE = "V2XUM_PROXY"
_COOKIE_FIELDS = 7


class Secrets(NamedTuple):
    """What a download needs and nobody may see: the proxy's address (it may hold a password), and the cookies.

    `cookies` is the text of a file in Netscape format.
    """

    proxy: str | None = None
    cookies: str | None = None

    @property
    def proxied(self) -> bool:
        """Whether a proxy is used: this one, or one that the environment names for all programs."""
        return bool(self.proxy) or any(urllib.request.getproxies().get(kind) for kind in ("http", "https", "all"))


def read_secrets() -> Secrets:
    """The secrets that this process's environment names.

    Raises ConfigError when V2XUM_COOKIES_FILE does not name a cookies file in Netscape format.
    """
    cookies = os.environ.get(COOKIES_VARIABLE)
    return Secrets(os.environ.get(PROXY_VARIABLE) or None, _cookies(Path(cookies)) if cookies else None)


def _cookies(path: Path) -> str:
    """The text of the cookies file.

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
    return text if text.startswith("#") else f"# Netscape HTTP Cookie File\n{text}"
