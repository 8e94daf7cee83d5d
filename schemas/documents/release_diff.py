"""What `v2xum diff` and `v2xum explain --release` say, as the JSON documents that they promise."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field

from schemas.documents.document import Document

CauseName = Literal[
    "new source",
    "source changed",
    "source gone",
    "source back",
    "source unreachable",
    "opt-out",
    "duplicate",
    "filter",
    "prompt",
    "model",
    "settings",
    "code",
    "person",
    "unfinished",
    "files lost",
    "speech lost",
    "unknown",
]
CAUSES: dict[CauseName, str] = {
    "new source": "nobody had named the video when the earlier release was made",
    "source changed": "the publisher or the list gives another file, title, licence or address, or other subtitles",
    "source gone": "the source gives the video no more",
    "source back": "the source gives the video again",
    "source unreachable": "the source did not answer; it may come back",
    "opt-out": "somebody who may ask for it asked to leave the video out",
    "duplicate": "another video has the same bytes",
    "filter": "a filter or a limit of the configuration decided",
    "prompt": "another prompt wrote it",
    "model": "another model, other weights or other sampling parameters wrote it",
    "settings": "another key of the configuration can change the result",
    "code": "another version of the program's code made it",
    "person": "people judged or edited it",
    "unfinished": "its results were not finished when a release was made",
    "files lost": "files of the workspace that its row needs were lost",
    "speech lost": "subtitles or sound gave less than they hold when one of the releases was made",
    "unknown": "the releases do not tell",
}
assert tuple(CAUSES) == get_args(CauseName)


class Cause(Document):
    """One cause of a difference: which, at which stage (null where no stage is meant), and in words."""

    cause: CauseName
    stage: str | None = None
    detail: str = ""


class ChangedRow(Document):
    """A row that both releases have and that differs in the columns `fields`.

    `causes` has every cause that is known, in the order of the stages; `cause` is the first of them, the root.
    """

    id: str
    fields: tuple[str, ...]
    cause: CauseName
    causes: tuple[Cause, ...]


class DiffSide(Document):
    """One of the two releases; `images`: whether it has pictures; `title` and `licence` are the dataset's own."""

    version: str
    rows: int
    schema_version: int
    images: bool
    title: str | None
    licence: str | None


class ReleaseDiff(Document):
    """The differences of two releases by their configuration `full`; ids ascend.

    Every id of both releases is in exactly one of `added`, `removed` and `changed`, or one of the `same` rows that are
    equal. `causes` has those of the ids in `added` and `removed`. `by_cause` counts rows by their first cause, under
    `added`, `removed` and `changed`. `columns_added` and `columns_removed` are columns that one release lacks: rows are
    not compared by them. `stages` are the differences in how the releases were made, whether or not a row shows them.
    """

    before: DiffSide
    after: DiffSide
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[ChangedRow, ...]
    same: int
    causes: dict[str, tuple[Cause, ...]] = Field(default_factory=dict)
    by_cause: dict[str, dict[str, int]] = Field(default_factory=dict)
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    stages: tuple[Cause, ...] = ()


class LedgerResult(Document):
    """The ledger's result of a stage from which a published row was made, by its SHA-256 (`digest`).

    `now`: whether the ledger has it as its current result, as an older one, or not at all. `current` is the digest of
    the current result, null where there is none.
    """

    digest: str
    now: Literal["current", "older", "missing"]
    current: str | None


class PublishedExplanation(Document):
    """What a release says of one video, and how that differs from the ledger now.

    `state`: it is `published`, `left out` (`out` is its row of `rejections` or `tombstones`), or `not in it`. `row` is
    its row of `full` without captions and pictures. `results` has the ledger's results from which the row was made, by
    stage; it is empty for releases that did not record them. `now` is what the video is in the ledger; `fields` and
    `causes` say how the row that the ledger gives now differs from the published one.
    """

    id: str
    release: str
    state: Literal["published", "left out", "not in it"]
    row: dict[str, Any] | None
    out: dict[str, Any] | None
    results: dict[str, LedgerResult]
    now: str
    fields: tuple[str, ...]
    causes: tuple[Cause, ...]
