"""What `v2xum status`, `v2xum list`, `v2xum explain` and `v2xum plan` say, as the JSON documents that they promise."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from schemas.documents.document import Document
from schemas.documents.run_summary import Finding
from schemas.errors import ErrorClass

State = Literal["sample", "rejected", "retryable", "pending"]


class LastRunCounts(Document):
    """What the last run did at a stage, in videos."""

    made: int = 0
    reused: int = 0
    rejected: int = 0


class StageStatus(Document):
    """How many videos stand how at a stage now, each in one of the three at most, and what the last run did there.

    `done` came through it and are not out at it, `rejected` are out there (rejected or retryable), `due` are pending
    there.
    """

    done: int
    rejected: int
    due: int
    last_run: LastRunCounts = LastRunCounts()


class RunOutcome(Document):
    """A run by its number, and how it ended."""

    number: int
    outcome: str


class HeldClaim(Document):
    """A claim on a shared ledger. `fence` counts its owners; `heartbeat` is how many seconds ago it was renewed.

    `shard` is the number of the shard, None for the claim of the whole run.
    """

    shard: int | None
    fence: int
    heartbeat: float


class Holder(Document):
    """A process that works on a workspace, and its claims; a ledger in a file has none."""

    host: str
    process: int | None
    claims: tuple[HeldClaim, ...]


class PausedHost(Document):
    """A host that gets no request from any node: `seconds` are left of its pause, `reason` is why."""

    host: str
    seconds: float
    reason: str


class RunNow(Document):
    """Who works on a workspace now: the process that holds the run, and the nodes that carry its shards."""

    owner: Holder
    nodes: tuple[Holder, ...] = ()
    paused: tuple[PausedHost, ...] = ()


class WorkspaceStatus(Document):
    """Every video in exactly one of samples, rejected, retryable and pending.

    `stages` is in the order of the stages. `elsewhere` counts the videos that are out at a place that is no stage: at
    their list row (`source`), by people (`review`), at the export. `rejected` of all stages and `elsewhere` add up to
    `rejected` and `retryable`, `due` of all stages to `pending`. `reasons` counts the rejected and retryable videos by
    `stage: reason`, each once, the most frequent reason first. `outdated` are the pending videos that were finished,
    until settings or the program changed or `v2xum retry` forgot a result, by the stage at which they are due: the next
    run makes again what follows from that. `poison` is how many of the rejected videos crashed a decoder or the
    program: only `v2xum retry --class poison` tries them again. `findings` are those of the last report: figures beside
    their limits. `run` is None where no process holds the workspace.
    """

    videos: int
    samples: int
    rejected: int
    retryable: int
    pending: int
    outdated: dict[str, int] = Field(default_factory=dict)
    stages: dict[str, StageStatus]
    reasons: dict[str, int]
    elsewhere: dict[str, int] = Field(default_factory=dict)
    poison: int = 0
    last_run: RunOutcome | None
    findings: tuple[Finding, ...] = ()
    run: RunNow | None = None


class ListedScore(Document):
    """The audit score in which a video is worst, its value, and the share (0..1) of the videos at least as bad."""

    name: str
    value: float
    share_as_bad: float


class ListedVideo(Document):
    """Where one video stands. `stage` is where it is out or due, None for a sample; `source` has no secrets."""

    id: str
    state: State
    stage: str | None
    reason: str | None
    error_class: ErrorClass | None
    title: str | None
    source: str | None
    score: ListedScore | None = None


class VideoList(Document):
    """The number of all videos of a workspace, and those that were asked for."""

    videos: int
    listed: tuple[ListedVideo, ...]


class ExplainedRejection(Document):
    """A rejection that holds; `attempts` is how often the stage was tried, where the ledger counts it."""

    id: str
    stage: str
    error_class: ErrorClass
    reason: str
    evidence: str = ""
    title: str | None = None
    address: str | None = None
    attempts: int | None = None


class ExplainedStage(Document):
    """A stage's current result: its record, what it was made from, and what it cost. `seconds` is wall time."""

    status: Literal["done", "rejected"]
    fingerprint: str
    digest: str
    runs: int
    tokens_in: int
    tokens_out: int
    requests: int
    seconds: float
    record: dict[str, Any]


class Explanation(Document):
    """Everything that a workspace knows of one video.

    `due` is the stage that the next run would begin with. `verdicts` are all that people ever gave, each with `counts`:
    whether it counts under the present rules. `review` is what they come to, for a finished sample.
    """

    id: str
    state: State
    due: str | None
    source: dict[str, Any] | None
    rejections: tuple[ExplainedRejection, ...]
    stages: dict[str, ExplainedStage]
    verdicts: tuple[dict[str, Any], ...]
    review: dict[str, Any] | None
