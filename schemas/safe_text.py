"""Makes text of unknown origin safe to store, to show and to publish.

`clean_text` is for stored text, `plain_line` and `plain` are for text that a person sees. `public_url`, `public_uri`
and `public_text` remove paths of the machine, credentials and signatures. All are pure functions. Titles and captions
are data: rows keep them as they came, and the pages that show them call `plain_line` and escape the result.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from schemas.records import Source

# Names of query parameters that grant access or belong to one session; other parameters may identify the video.
_SECRET = re.compile(
    r"(?i)x-(amz|goog|oss|ms)-.*|.*(signature|token|secret|passw(or)?d|credentials?|api[-_]?key|session(id)?)"
    r"|sig|lsig|auth|authorization|key|expires?|policy|pwd|hdnts|hdnea|hmac|jwt|cookie|awsaccesskeyid|googleaccessid"
    r"|key-pair-id|ip|sv|se|sp|sr|st"
)
_LOCATION = re.compile(
    r"(?P<url>\b[a-zA-Z][a-zA-Z0-9+.\-]{0,15}://[^\s\"'<>]+)"
    r"|(?P<quote>[\"'])(?P<quoted>(?:[A-Za-z]:)?[/\\][^\"'\r\n]*)(?P=quote)"
    r"|(?<![\w/\\:.~\-])(?P<path>(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\:'\"<>|,;]+)+[/\\][^\s/\\:'\"<>|,;]*)"
)

_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSHOWN = ("Cc", "Cs", "Zl", "Zp")
# Bidirectional overrides and isolates change the order of the shown letters; byte order marks are invisible. The marks
# U+200E and U+200F stay in stored text: languages that are written from right to left need them.
_INVISIBLE = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def clean_text(text: str) -> str:
    """A text of a model or a person as one line to store: white space is collapsed, control characters are removed."""
    kept = (c for c in text if c.isspace() or not (c in _INVISIBLE or unicodedata.category(c) in ("Cc", "Cs")))
    return " ".join("".join(kept).split())


def plain_line(text: str) -> str:
    """A text as one line to show: like `clean_text`, and without any text-direction character."""
    kept = (" " if character.isspace() else character for character in text if _shown(character))
    return " ".join("".join(kept).split())


def public_url(url: str) -> str | None:
    """An http(s) address without user, password, fragment and signing parameters; None for any other text."""
    try:
        parts = urlsplit(url.strip())
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname or parts.port == 0:
            return None
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return None
    kept = [(name, value) for name, value in query if not _SECRET.fullmatch(name)]
    text = parts.query if len(kept) == len(query) else urlencode(kept)
    return urlunsplit((parts.scheme.lower(), parts.netloc.rpartition("@")[2], parts.path, text, ""))


def file_name(path: str) -> str:
    """The last part of a path with slashes or backslashes, or of a file address."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def public_uri(source: Source) -> str | None:
    """Where a video came from: the bare name of a local file, else the address as `public_url` gives it."""
    return file_name(source.uri) if source.kind == "file" else public_url(source.uri)


def public_text(text: str) -> str:
    """A tool's message with absolute paths cut to their last part, and addresses passed through `public_url`."""
    return _LOCATION.sub(_shorten, text)


def _shorten(match: re.Match[str]) -> str:
    if url := match["url"]:
        return public_url(url) or file_name(url)
    if path := match["path"]:
        return file_name(path)
    return match["quote"] + file_name(match["quoted"]) + match["quote"]


def _shown(character: str) -> bool:
    return character.isspace() or (unicodedata.category(character) not in _UNSHOWN and character not in _DIRECTION)


def plain(text: str, limit: int = 200) -> str:
    """A text as `plain_line` of at most `limit` characters; a cut line ends with an ellipsis."""
    line = plain_line(text)
    return line if len(line) <= limit else line[: limit - 1] + "…"
