"""The address and token of a Label Studio server: from the environment, or from a file of `v2xum review serve`.

This module also writes secret files and makes the annotators' pseudonyms. Secrets lie only in the environment and in
files that their owner alone may read; they never reach a log, the ledger or a dataset.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from curation.store.files import write_whole
from schemas.errors import ConfigError

URL = "V2XUM_LABEL_STUDIO_URL"
TOKEN = "V2XUM_LABEL_STUDIO_TOKEN"  # noqa: S105 - the name of a variable
_FILE = "access.json"
_PSEUDONYMS = "pseudonyms.key"


class Access(BaseModel):
    """A server's address and a token for it. `username` and `password` are set only for a server that we started."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    token: str = Field(repr=False)
    username: str = ""
    password: str = Field(default="", repr=False)


def review_folder(workspace: Path) -> Path:
    """WORKSPACE/review, which holds all files of the review. It is made when missing, closed to other users."""
    folder = workspace / "review"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def find_access(workspace: Path) -> Access:
    """The server that the environment names, else the one that was started for the workspace.

    Raises ConfigError when there is neither, when only one of the two variables is set, or when the address is not
    http(s).
    """
    url, token = os.environ.get(URL, "").strip(), os.environ.get(TOKEN, "").strip()
    if bool(url) != bool(token):
        present, missing = (URL, TOKEN) if url else (TOKEN, URL)
        raise ConfigError(f"{present} is set and {missing} is not: set both to use your own server, or neither")
    if url:
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{URL}: not the address of a server; it looks like https://label-studio.example.org")
        return Access(url=url.rstrip("/"), token=token)
    access = read_access(workspace)
    if access is None:
        raise ConfigError(
            f"no Label Studio server is known: start one with `v2xum review serve {workspace}`, "
            f"or set {URL} and {TOKEN}"
        )
    return access


def read_access(workspace: Path) -> Access | None:
    """The access that `serve` stored last; None before the first time. Raises ConfigError for an unreadable file."""
    path = workspace / "review" / _FILE
    try:
        return Access.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        # The message must not hold the file's content, which a validation error would quote.
        raise ConfigError(f"{path}: not readable as the server's access; restore it from a backup") from error


def write_access(workspace: Path, access: Access) -> None:
    """Store the access for this workspace's other commands, in a file that only its owner may read."""
    write_secret(review_folder(workspace) / _FILE, access.model_dump_json() + "\n")


def new_access(url: str) -> Access:
    """Access for a new server: a first user, a random password and a random token (40 hex digits)."""
    return Access(
        url=url,
        token=secrets.token_hex(20),
        username="admin@v2xum.invalid",
        password=secrets.token_urlsafe(15),
    )


def pseudonyms_key(workspace: Path) -> Path:
    """The file with the secret key of the annotators' pseudonyms."""
    return review_folder(workspace) / _PSEUDONYMS


class Pseudonyms:
    """Makes names for annotators that are stable within a workspace and do not reveal an e-mail address."""

    def __init__(self, workspace: Path) -> None:
        """Read the workspace's secret key; make it when there is none.

        Without a key, anybody could find an annotator's address by hashing candidate addresses.
        """
        path = pseudonyms_key(workspace)
        if not path.exists():
            write_secret(path, secrets.token_hex(32))
        self._key = path.read_bytes().strip()

    @property
    def fingerprint(self) -> str:
        """Tells this key from others (16 hex digits) and reveals nothing of it."""
        return hmac.new(self._key, b"fingerprint of the key", hashlib.sha256).hexdigest()[:16]

    def of(self, email: str) -> str:
        """The pseudonym of the user with this e-mail address; upper and lower case are the same."""
        digest = hmac.new(self._key, email.strip().lower().encode(), hashlib.sha256).hexdigest()
        return f"annotator-{digest[:12]}"


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read (mode 0600), as a whole or not at all, and flush it to the disk.

    Raises OSError.
    """
    write_whole(path, text, durable=True, private=True)
