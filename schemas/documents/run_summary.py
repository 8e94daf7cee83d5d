"""The document `report/summary.json` of a run, for programs; the page beside it is for people.

Seconds are wall time where nothing else is said; times of day are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.records import Record

SUMMARY_VERSION: Literal[1] = 1
FindingState = Literal["ok", "look", "bad"]


class StageCount(Record):
    """The videos of a stage: done, rejected and due now, and those that this run made, reused and rejected."""

    done: int = 0
    rejected: int = 0
    due: int = 0
    run_made: int = 0
    run_reused: int = 0
    run_rejected: int = 0


class Totals(Record):
    """The meter at the end of the run, as in models.meter.Reading. `waits` are seconds, summed over threads."""

    seconds: float = 0.0
    busy_seconds: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    replies: int = 0
    cached: int = 0
    frames: int = 0
    retries: dict[str, int] = Field(default_factory=dict)
    failures: dict[str, int] = Field(default_factory=dict)
    waits: dict[str, float] = Field(default_factory=dict)

    def per_second(self, count: int) -> float:
        """The mean rate of a count over the run, a second; 0 when no time has passed."""
        return count / self.seconds if self.seconds > 0 else 0.0


class Series(Record):
    """Readings over time, as columns of one length: counters count from the start, gauges are values of the moment."""

    seconds: tuple[float, ...] = ()
    tokens_in: tuple[int, ...] = ()
    tokens_out: tuple[int, ...] = ()
    frames: tuple[int, ...] = ()
    in_flight: tuple[int, ...] = ()
    queued: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _aligned(self) -> Series:
        columns = (self.tokens_in, self.tokens_out, self.frames, self.in_flight, self.queued)
        if any(len(column) != len(self.seconds) for column in columns):
            raise ValueError("the columns of a series must have one length")
        return self


class Spread(Record):
    """The spread of a quantity over the samples; quantiles are exact to a thousandth of its range."""

    count: int
    mean: float
    minimum: float
    p05: float
    median: float
    p95: float
    maximum: float


class ModelUse(Record):
    """A model of the run's configuration, and the prompts that it gets."""

    role: str
    engine: str
    model: str
    revision: str
    prompts: dict[str, str] = Field(default_factory=dict, description="prompt -> sha256")


class BindingFigures(Record):
    """The binding audit over all videos: recognized canaries, and comparisons that a caption's own frame won."""

    videos: int = 0
    canaries: int = 0
    canaries_right: int = 0
    compared: int = 0
    matched: int = 0


class RepeatCounts(Record):
    """The watch over repetitions: the latest videos, at most 64, and its largest groups of unlike videos among them.

    `same_summary` have nearly the same summary, `same_choice` the same keyframes; 1 is no repetition. `choice_chance`
    is the least chance with which honest choices would coincide as those of a group do; 1 without a repetition.
    """

    videos: int = 0
    same_summary: int = 0
    same_choice: int = 0
    choice_chance: float = 1.0


class Finding(Record):
    """A figure beside its threshold or reference: `key` names it for programs, `figure` for people.

    `value` is the figure as text, `why` the rule in words. curation.report.findings has the rules.
    """

    key: str
    figure: str
    value: str
    state: FindingState
    why: str


class RunSummary(Record):
    """A run, and the workspace after it. `outcome` is that of the ledger: running, finished, stopped ..."""

    version: Literal[1] = SUMMARY_VERSION
    name: str
    run: int | None = None
    outcome: str | None = None
    why: str | None = Field(default=None, description="the reason why the run stopped")
    started_at: str | None = None
    ended_at: str | None = None
    videos: int = 0
    samples: int = 0
    rejected: int = 0
    retryable: int = 0
    pending: int = 0
    stages: dict[str, StageCount] = Field(default_factory=dict)
    reasons: dict[str, int] = Field(default_factory=dict)
    totals: Totals = Totals()
    tokens_in_per_second: float = 0.0
    tokens_out_per_second: float = 0.0
    frames_per_second: float = 0.0
    verdict: str = Field(default="", description="the slowest part of the run, by its waiting times")
    models: tuple[ModelUse, ...] = ()
    ratio: Spread | None = None
    audits: dict[str, Spread] = Field(default_factory=dict)
    marks: dict[str, int] = Field(default_factory=dict)
    binding: BindingFigures | None = None
    repeats: RepeatCounts | None = None
    transcripts: dict[str, int] = Field(
        default_factory=dict,
        exclude_if=lambda value: not value,
        description="videos by where the transcript comes from, or by the reason why there is none",
    )
    transcripts_lost: dict[str, int] = Field(
        default_factory=dict,
        exclude_if=lambda value: not value,
        description="transcripts that are missing or have gaps, by a reason that another try may mend",
    )
    findings: tuple[Finding, ...] = Field(default=(), description="figures that have a limit, the worst first")
    series: Series = Series()
