"""What `v2xum plan --json` prints: the cost of curating the videos that are due, from a probe of some of them."""

from __future__ import annotations

from pydantic import Field

from schemas.documents.document import Document

Number = int | float


class Interval(Document):
    """An expected value with its 95 % interval."""

    expected: Number
    low: Number
    high: Number


class ModelPlan(Document):
    """A model by its configured name, its requests, and its tokens."""

    name: str
    requests: Interval
    tokens_in: Interval
    tokens_out: Interval


class CostPlan(Interval):
    """Money in the configured currency."""

    currency: str


class PlanEstimate(Document):
    """The totals for the videos that are due; the unit is in the name of each field.

    `videos` counts the due videos by what they will become, `models` and `lanes` are by role and by lane.
    `export_megabytes` is of settled and due videos together, `temporary_megabytes` are needed for some time only.
    """

    videos: dict[str, Interval]
    models: dict[str, ModelPlan]
    wall_hours: Interval
    gpu_busy_hours: Interval
    lanes: dict[str, Interval]
    bottleneck: str
    store_megabytes: Interval
    export_megabytes: Interval
    temporary_megabytes: Interval
    cost: CostPlan
    advice: str


class ProbeCost(Document):
    """What the probe itself took."""

    videos: int
    wall_hours: float
    tokens_in: int
    tokens_out: int
    cost: float
    start_hours: float


class Pacing(Document):
    """The host with most due downloads: `videos` of them, `seconds` apart (`download.pace`), take `least_hours`."""

    host: str
    videos: int
    seconds: float
    least_hours: float


class Plan(Document):
    """The answer of `v2xum plan`; `estimate` is None when there is too little to go by, and `note` says why.

    `pacing` is None when no pace delays the due downloads. `again` are the due videos that were finished, until
    settings or the program changed or a result was forgotten, by the stage from which on they are due.
    """

    videos: int
    due_videos: int
    settled_videos: int
    again: dict[str, int] = Field(default_factory=dict)
    probe: ProbeCost
    disk_free_megabytes: float
    note: str | None
    pacing: Pacing | None = None
    estimate: PlanEstimate | None
