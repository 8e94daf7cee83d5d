"""What `v2xum publish` says, as the JSON document that it promises."""

from __future__ import annotations

from typing import Literal

from schemas.documents.document import Document


class Publication(Document):
    """A publication. `state`: `published` now, `already` there, or `would` be published (a dry run).

    `files` and `bytes` are the whole release, `sent_files` and `sent_bytes` what was lacking there: the size of these
    files, of which a store with deduplication takes the new parts alone. `removed` are files of the last release that
    this one leaves out, `kept` files that are of no release. `commit` and `tag` are null outside the Hub.
    """

    address: str
    version: str
    state: Literal["published", "already", "would"]
    new_repository: bool
    files: int
    bytes: int
    sent_files: int
    sent_bytes: int
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    commit: str | None = None
    tag: str | None = None
