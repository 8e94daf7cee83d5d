"""What `v2xum check` says, as the JSON document that it promises."""

from __future__ import annotations

from schemas.documents.consumers import ConsumerReport
from schemas.documents.document import Document


class ExportCheck(Document):
    """The check of a dataset's folder: `sound` when there are no problems.

    `samples`, `files` and `schema_version` are as its manifest states them, null when that cannot be read. Rows of
    another schema version are not read: `rows_read` is then false, and files are compared by hash alone. `consumers` is
    null unless it was asked for; its problems are among `problems`.
    """

    folder: str
    sound: bool
    samples: int | None
    files: int
    schema_version: int | None
    rows_read: bool
    problems: tuple[str, ...]
    consumers: ConsumerReport | None = None
