"""How a Label Studio server is reached: by what the environment says, or by the file that `v2xum review serve` wrote.

Secrets are in the environment or in one file that only its owner may read; they are in no log, ledger or dataset.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import ConfigError

URL = "V2XUM_LABEL_STUDIO_URL"
TOKEN = "V2XUM_LABEL_STUDIO_TOKEN"  # noqa: S105 - the name of a variable
_FILE = "access.json"
_PSEUDONYMS = "pseudonyms.key"


class Access(BaseModel):
    """A server's address and a token for it; `username` and `password` are those of a server that we started."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    token: str = Field(repr=False)
    username: str = ""
    password: str = Field(default="", repr=False)


def review_folder(workspace: Path) -> Path:
    """Where everything of the review lies in a workspace; made when it is not there, closed to other users."""
    folder = workspace / "review"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def find_access(workspace: Path) -> Access:
    """The server to talk to: the one that the environment names, else the one that was started for the workspace.

    Raises ConfigError when there is neither, when only one of the two variables is set, and for an address that is
    not http(s).
    """
    url, token = os.environ.get(URL, "").strip(), os.environ.get(TOKEN, "").strip()
    if bool(url) != bool(token):
        there, missing = (URL, TOKEN) if url else (TOKEN, URL)
        raise ConfigError(f"{there} is set and {missing} is not: set both for a server of yours, or neither")
    if url:
        parts = urlsplit(url)
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
    """What `serve` noted last; None before the first time. Raises ConfigError when the file is not readable."""
    path = workspace / "review" / _FILE
    try:
        return Access.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        # Never the file's content: a validation error would quote it.
        raise ConfigError(f"{path}: not readable as the server's access; restore it from a backup") from error


def write_access(workspace: Path, access: Access) -> None:
    """Note the access for this workspace's other commands."""
    write_secret(review_folder(workspace) / _FILE, access.model_dump_json() + "\n")


def new_access(url: str) -> Access:
    """A first user, with a random password and token (40 hex digits, as Label Studio wants it)."""
    return Access(
        url=url,
        token=secrets.token_hex(20),
        username="admin@v2xum.invalid",
        password=secrets.token_urlsafe(15),
    )


class Pseudonyms:
    """Names for annotators that are stable within a workspace and tell nobody their e-mail address."""

    def __init__(self, workspace: Path) -> None:
        """Read the workspace's key, or make it. Without it an address could be found again by trying addresses."""
        path = review_folder(workspace) / _PSEUDONYMS
        if not path.exists():
            write_secret(path, secrets.token_hex(32))
        self._key = path.read_bytes().strip()

    def of(self, email: str) -> str:
        """The pseudonym of a user, by e-mail address, whatever its case."""
        digest = hmac.new(self._key, email.strip().lower().encode(), hashlib.sha256).hexdigest()
        return f"annotator-{digest[:12]}"


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
