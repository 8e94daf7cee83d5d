"""Where a release is published: a dataset repository of the Hugging Face Hub, or an address of fsspec."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from schemas.errors import ConfigError
from schemas.secret_addresses import hide_secrets, without_secrets

_HUB_PREFIXES = ("hf://datasets/", "https://huggingface.co/datasets/", "https://hf.co/datasets/")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_LONGEST = 96
_READ_ONLY = ("http", "https", "hf", "git", "github", "zip", "tar", "data")
_WAY = (
    "give OWNER/NAME of a dataset on the Hugging Face Hub, or an address such as s3://bucket/folder or file:///folder"
)


class HubAddress(NamedTuple):
    """A dataset repository of the Hub, `OWNER/NAME`."""

    repository: str


class StorageAddress(NamedTuple):
    """A folder that fsspec can write to, such as `s3://bucket/films`; no slash at its end. `shown` has no secret."""

    url: str
    shown: str


def parse_address(text: str) -> HubAddress | StorageAddress:
    """What `text` names. Raises ConfigError for what is neither, and for addresses that hold a password."""
    for prefix in _HUB_PREFIXES:
        if text.startswith(prefix):
            return _hub(text.removeprefix(prefix).rstrip("/"))
    if "://" not in text:
        return _hub(text)
    shown = without_secrets(text.strip())
    if shown != text.strip():
        raise ConfigError(f"{shown}: leave the key or the password out of the address, and give it by the environment")
    try:
        protocol = urlsplit(text).scheme.lower()
    except ValueError as error:  # an IPv6 address that is none
        raise ConfigError(f"{shown} is no address; {_WAY}") from error
    if protocol in _READ_ONLY:
        raise ConfigError(f"{shown}: nobody can write to {protocol}://; {_WAY}")
    if not text.partition("://")[2].strip("/"):
        raise ConfigError(f"{shown} names no folder; {_WAY}")
    return StorageAddress(text.strip().rstrip("/"), shown.rstrip("/"))


def _hub(name: str) -> HubAddress:
    parts = name.split("/")
    right = (
        len(parts) == 2
        and len(name) <= _LONGEST
        and all(_NAME.fullmatch(part) for part in parts)
        and not any(wrong in name for wrong in ("--", ".."))
        and not name.endswith(".git")
    )
    if not right:
        raise ConfigError(f"{hide_secrets(name)!r} is no name of a dataset; {_WAY}")
    return HubAddress(name)
