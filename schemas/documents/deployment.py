"""What `v2xum deploy` did to a Prefect server, as the JSON document that it promises."""

from __future__ import annotations

from typing import Literal

from schemas.documents.document import Document

Kind = Literal["work pool", "limit", "deployment", "automation"]
Action = Literal["created", "changed", "removed", "left"]


class ServerChange(Document):
    """What became of one thing of the server. `fields`: what is another value now.

    `left` stands at the server and in the file no more: `--prune` removes it.
    """

    kind: Kind
    name: str
    action: Action
    fields: tuple[str, ...] = ()


class DeployReport(Document):
    """All changes, in the order in which they were made; none of those of a `dry_run` was. `notes` are for people."""

    server: str
    file: str
    dry_run: bool
    changes: tuple[ServerChange, ...] = ()
    notes: tuple[str, ...] = ()
