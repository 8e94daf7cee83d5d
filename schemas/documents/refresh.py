"""What `v2xum refresh` found and did, as the JSON document that it promises."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.documents.document import Document

Level = Literal["major", "minor", "patch"]


class NewSources(Document):
    """What the configuration's sources list now: videos, and those that the ledger did not know.

    `problem` says why the sources could not be read; then the numbers are 0, and everything else was done all the same.
    """

    listed: int = 0
    new: int = 0
    problem: str | None = None


class OptOutCounts(Document):
    """Opt-outs in force, new ones and lifted ones, and the videos of the workspace that they concern."""

    in_force: int = 0
    new: int = 0
    lifted: int = 0
    videos: int = 0


class Looks(Document):
    """The published videos that are watched, and what was looked at now.

    `strangers` are published rows that the ledger does not know: they cannot be looked for. `due` were due at the
    beginning, `checked` of them gave an answer. `found` counts the answers (`available`, or a reason slug),
    `unanswered` why there was none (`rate_limited`, `network`, `not_asked`): those are still due.
    """

    watched: int = 0
    strangers: int = 0
    due: int = 0
    checked: int = 0
    found: dict[str, int] = Field(default_factory=dict)
    unanswered: dict[str, int] = Field(default_factory=dict)


class TombstoneChange(Document):
    """A tombstone that was made or lifted now; `date` is the day (UTC) since when it held."""

    id: str
    reason: str
    date: str


class Reason(Document):
    """A reason for the next version: what changed (`rows_added`), in how many rows or columns, and words for people."""

    level: Level
    what: str
    count: int
    words: str


class Proposal(Document):
    """The next version and its level, with all reasons; None: the latest release says what the ledger says."""

    version: str | None = None
    level: Level | None = None
    reasons: tuple[Reason, ...] = ()


class RefreshReport(Document):
    """The answer of `v2xum refresh`. `release` is the latest release, None before the first.

    `tombstones` counts those of published videos that hold now, by reason, opt-outs included; `made` and `lifted` are
    the changes of this run. `dry_run`: nothing was stored, and nobody was asked.
    """

    release: str | None
    dry_run: bool
    sources: NewSources
    opt_outs: OptOutCounts
    looks: Looks
    tombstones: dict[str, int]
    made: tuple[TombstoneChange, ...] = ()
    lifted: tuple[TombstoneChange, ...] = ()
    proposal: Proposal
