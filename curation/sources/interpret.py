"""What one address of a list or of the command line means: a URL, a YouTube video or a file."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from curation.sources.addresses import YOUTUBE_ID, canonical, youtube_id, youtube_url
from schemas.configuration.config import resolve_path
from schemas.errors import PermanentError, RefusedError
from schemas.kit.utf8 import quoted
from schemas.secret_addresses import lacks_secret, without_secrets

_ACTIVITYNET_ID = re.compile(r"v_([A-Za-z0-9_-]{11})")
_BARE_YOUTUBE = re.compile(r"(?i)(?:(?:www|m|music)\.)?youtube\.com/\S+|youtu\.be/\S+")


class Place(NamedTuple):
    """What an address means: its kind, the uri of its record, its canonical text, and its YouTube id if it has one.

    `uri` and `canonical` are without what grants access. `signed` is the address as it was given, where that differs:
    it is needed for the download, and stored nowhere. `named` is the path of a file before links are followed.
    """

    kind: Literal["file", "url", "youtube"]
    uri: str
    canonical: str
    youtube: str | None = None
    signed: str | None = None
    named: str | None = None


def derived_id(canonical_text: str) -> str:
    """The id (16 hex digits) of a source that has none of its own, from the canonical text of its place."""
    return hashlib.sha256(os.fsencode(canonical_text)).hexdigest()[:16]


def interpret(text: str, folder: Path | None, schemes: Sequence[str] = ("http", "https")) -> Place:
    """Interpret one address: a URL, a YouTube id, a YouTube URL, or a file.

    The path of a file is relative to `folder`; with `folder` None no files are allowed. `schemes` are the allowed
    schemes of URLs.

    Raises PermanentError (`no_address`, `file_not_found`, `not_a_regular_file`, `secret_left_out`) and RefusedError
    (`scheme_not_allowed`, `bad_address`, `credentials_in_address`, `local_path_in_remote_list`).
    """
    text = text.strip()
    if not text:
        raise PermanentError("no_address", "the address is empty")
    scheme, separator, _ = text.partition("://")
    if not separator:
        local = _local(text, folder) if folder is not None else None
        if local is not None:
            return local
        bare = _ACTIVITYNET_ID.fullmatch(text)
        video_id = bare.group(1) if bare else text
        if YOUTUBE_ID.fullmatch(video_id):
            return Place("youtube", youtube_url(video_id), youtube_url(video_id), video_id)
        if not _BARE_YOUTUBE.fullmatch(text):
            asked = quoted(without_secrets(text))
            if folder is None:
                raise RefusedError("local_path_in_remote_list", f"{asked} is neither a URL nor a YouTube id")
            raise PermanentError("file_not_found", f"no file {asked} (an address begins with https://)")
        scheme, text = "https", f"https://{text}"
    if scheme.lower() not in schemes:
        raise RefusedError("scheme_not_allowed", f"{quoted(scheme)}: allowed are {', '.join(schemes)}")
    if video := youtube_id(text):
        return Place("youtube", youtube_url(video), youtube_url(video), video)
    if lacks_secret(text):
        raise PermanentError("secret_left_out", "a stored address has no keys: name the video by its whole address")
    canonical(text)  # refuses a user and a password, which would be taken out next
    uri = without_secrets(text)
    return Place("url", uri, canonical(uri), signed=text if uri != text else None)


def _local(text: str, folder: Path) -> Place | None:
    try:
        named = resolve_path(text, folder).absolute()
        path = named.resolve()
        if not path.is_file():
            if path.exists():
                raise PermanentError("not_a_regular_file", quoted(text))
            return None
    except (OSError, ValueError, RuntimeError):
        return None  # no file can have such a name
    return Place("file", str(path), str(path), named=str(named))
