"""What an evaluation is written down as: frozen, versioned, for programs; Markdown, LaTeX and HTML are made from it.

A value that does not exist is None and is counted with its reason; it is never 0 unless the protocol says so.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.records import Record

EVALUATION_VERSION: Literal[1] = 1
ScoreSource = Literal["scores", "token_probabilities", "selection"]
SystemKind = Literal["system", "random", "human", "oracle"]


class VideoValues(Record):
    """One video of one system: its value of every metric (None: undefined), and why what is undefined is so.

    `failure`: why the prediction could not be scored and got the worst value of every metric. `score_source`: what the
    scores behind rank correlations are. `sums`: what the video adds to a metric that is no mean over videos (a corpus
    BLEU's counts), by metric, so that intervals and comparisons can be made of them.
    """

    id: str
    values: dict[str, float | None]
    undefined: dict[str, str] = Field(default_factory=dict)
    failure: str | None = None
    score_source: ScoreSource | None = None
    sums: dict[str, tuple[float, ...]] = Field(default_factory=dict)


class MetricValue(Record):
    """A metric over videos: `value` with the ends of its 95 % interval, over `videos` that have one.

    `undefined`: videos without a value, by reason. `reason`: why there is no value at all (Java is missing, ...).
    `unit` is how the value is to be read (`fraction`, `correlation`, `cosine`, `CIDEr`).
    """

    name: str
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    videos: int
    undefined: dict[str, int] = Field(default_factory=dict)
    reason: str | None = None


class SystemValues(Record):
    """One row of a table and the videos behind it. `runs` > 1: means over several runs of the same system."""

    name: str
    kind: SystemKind
    metrics: tuple[MetricValue, ...]
    videos: tuple[VideoValues, ...]
    runs: int = 1
    note: str = ""


class Problem(Record):
    """One thing that was wrong with an input: the video, a short slug, what was found, how it was counted.

    `as_read`: what could be read of it counts, the rest is as if it had not been there.
    """

    id: str
    reason: str
    detail: str
    counted: Literal["worst", "left_out", "as_read"]


class Provenance(Record):
    """Everything that a number depends on. `choices` are the protocol's own, by name."""

    protocol: str
    choices: dict[str, str | int | float | bool | None]
    references: str
    references_sha256: str
    predictions: dict[str, str]
    splits: str | None = None
    clip: str | None = None
    text_unit: str | None = None
    text_scorers: str | None = None
    interval: str
    seed: int
    software: dict[str, str]


class Evaluation(Record):
    """The whole result of `v2xum evaluate`: one protocol, one set of references, one system or more and baselines."""

    version: Literal[1] = EVALUATION_VERSION
    provenance: Provenance
    systems: tuple[SystemValues, ...]
    problems: tuple[Problem, ...] = ()
    counts: dict[str, int]
