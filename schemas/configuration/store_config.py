"""The section `store` of a run's configuration: where the big files lie, so that several machines can share them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.configuration.section import Section, Unit
from schemas.secret_addresses import without_secrets

SCHEMES = ("file", "s3", "gs", "az", "abfs")
_WAY = "give s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://CONTAINER/FOLDER or file:///FOLDER, or null for the workspace"
_KEYS = "they come from the environment (AWS_ACCESS_KEY_ID, AZURE_STORAGE_ACCOUNT_NAME and the like)"
_SCHEME = re.compile(r"[a-z][a-z0-9]*(?=://)")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
_PART = re.compile(r"[\w.~+=,!() -]{1,200}")


def store_address(text: str) -> str:
    """The address of a store without a slash at its end, after a check. Raises ValueError, which says the way out.

    Only schemes of this list may be given, without options, other file systems inside (`::`), passwords or `..`.
    """
    address = text.rstrip("/")
    shown = without_secrets(text)
    if shown != text or "?" in text or (":" in text.partition("://")[2] and "@" in text):
        raise ValueError(f"{shown.partition('?')[0]}: no key, password or option belongs into an address: {_KEYS}")
    found = _SCHEME.match(address)
    if found is None or found[0] not in SCHEMES or "::" in address:
        raise ValueError(f"{text!r} is no address of a store: {_WAY}")
    scheme, (head, *parts) = found[0], address[found.end() + 3 :].split("/")
    right = head == "" if scheme == "file" else bool(_BUCKET.fullmatch(head))
    named = [part for part in parts if _PART.fullmatch(part) and part.strip(". ")]
    if not right or len(named) != len(parts) or (scheme == "file" and not parts):
        raise ValueError(f"{text!r} is no address of a store, or has a part such as `..`: {_WAY}")
    return address


class StoreConfig(Section):
    """Where the files of videos and subtitles lie. Nothing of it changes a result."""

    address: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(store_address)] | None = Field(
        default=None,
        description="an address such as s3://BUCKET/FOLDER that several machines share; null: the folder store of the "
        "workspace. Keys come from the environment",
    )
    cache_gigabytes: Annotated[float, Unit("GB (10**9 bytes)")] = Field(
        default=50.0,
        gt=0,
        description="with an address: the local files of the workspace's store that were not used for half an hour are "
        "removed beyond this size",
    )
