"""Makes text of unknown origin safe to store, to show and to publish.

`clean_text` is for stored text, `plain_line` and `plain` are for text that a person sees. `public_url`, `public_uri`,
`public_address` and `public_text` remove paths of the machine, credentials and signatures. All are pure functions.
Titles and captions are data: rows keep them as they came, and the pages that show them call `plain_line` and escape the
result.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from schemas.records import Source
from schemas.secret_addresses import without_secrets

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
_HOME = re.compile(r"(?i)(?:(?<=^file://)|^)(?:/home/[^/]+|/Users/[^/]+|/root|[A-Z]:\\Users\\[^\\]+)(?=[/\\]|$)")

# Control characters that are no white space, lone surrogates, and all characters that change the direction of text.
_NOT_SHOWN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
# Bidirectional overrides and isolates change the order of the shown letters; byte order marks are invisible. The marks
# U+200E and U+200F stay in stored text: languages that are written from right to left need them.
_INVISIBLE = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def clean_text(text: str) -> str:
    """A text of a model or a person as one line to store: white space is collapsed, control characters are removed."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = (c for c in text if c.isspace() or not (c in _INVISIBLE or unicodedata.category(c) in ("Cc", "Cs")))
    return " ".join("".join(kept).split())


def plain_line(text: str) -> str:
    """A text as one line to show: like `clean_text`, and without any text-direction character."""
    shown = text if text.isascii() and text.isprintable() else _NOT_SHOWN.sub("", text)
    return " ".join(shown.split())


def public_url(url: str) -> str | None:
    """An http(s) address without user, password, fragment and signing parameters; None for any other text."""
    try:
        parts = urlsplit(without_secrets(url.strip()))
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname or parts.port == 0:
            return None
        text = _without_signatures(parts.query)
    except ValueError:
        return None
    return urlunsplit((parts.scheme.lower(), parts.netloc.rpartition("@")[2], parts.path, text, ""))


def _without_signatures(query: str) -> str:
    """A query without the parameters that grant access; raises ValueError for one of too many parameters."""
    named = parse_qsl(query, keep_blank_values=True)
    kept = [(name, value) for name, value in named if not _SECRET.fullmatch(name)]
    return query if len(kept) == len(named) else urlencode(kept)


def file_name(path: str) -> str:
    """The last part of a path with slashes or backslashes, or of a file address."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def public_uri(source: Source) -> str | None:
    """Where a video came from: the bare name of a local file, else the address as `public_url` gives it."""
    return file_name(source.uri) if source.kind == "file" else public_url(source.uri)


def _unsigned(address: str) -> str:
    """An address of any scheme, or of none, without secrets and session parameters; any other text as it is."""
    front, mark, query = without_secrets(address.strip()).partition("?")
    query, hash_mark, fragment = query.partition("#")
    try:
        kept = _without_signatures(query)
    except ValueError:
        return front
    if kept == query:
        return front + mark + query + hash_mark + fragment
    return front + ("?" + kept if kept else "")


def public_address(text: str) -> str:
    """What somebody asked for, as one line of at most 300 characters: an address, or the path of a file.

    Addresses are without what `public_url` leaves out. A path stays as it was written, so that it is found again in the
    list that names it; only a home folder becomes `~`. For files that exist use `public_uri`.
    """
    return plain(_HOME.sub("~", _unsigned(plain_line(text))), 300)


def public_text(text: str, asked: str | None = None) -> str:
    """A tool's message with absolute paths cut to their last part, and addresses passed through `public_url`.

    The path `asked`, which somebody asked for in these words, is given as by `public_address` instead.
    """

    def shorten(match: re.Match[str]) -> str:
        if url := match["url"]:
            return public_url(url) or file_name(re.split(r"[?#]", without_secrets(url))[0])
        path = match["path"] or match["quoted"]
        shown = public_address(path) if asked is not None and public_address(path) == asked else file_name(path)
        return shown if match["path"] else match["quote"] + shown + match["quote"]

    return _LOCATION.sub(shorten, text)


def plain(text: str, limit: int = 200) -> str:
    """A text as `plain_line` of at most `limit` characters; a cut line ends with an ellipsis."""
    line = plain_line(text)
    return line if len(line) <= limit else line[: limit - 1] + "…"
