"""The document of an evaluation: frozen, versioned records, from which Markdown, LaTeX and HTML are made.

A value that does not exist is None and is counted with its reason. It is 0 only where the protocol says so.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.records import Record

EVALUATION_VERSION: Literal[1] = 1
ScoreSource = Literal["scores", "token_probabilities", "selection"]
SystemKind = Literal["system", "untrained", "zero-shot", "uniform", "random", "human", "models", "oracle"]


class VideoValues(Record):
    """One video of one system: its value of every metric (None: undefined), and the reasons of undefined values.

    `failure`: why the prediction could not be scored and got the worst value of every metric. `as_worst`: by metric,
    why the answer has no value of its own and got the worst. `score_source`: where the scores for the rank correlations
    come from. `sums`: by metric, what the video adds to a metric that is not a mean over videos (such as the counts of
    corpus BLEU); intervals and comparisons are made from the sums.
    """

    id: str
    values: dict[str, float | None]
    undefined: dict[str, str] = Field(default_factory=dict)
    failure: str | None = None
    as_worst: dict[str, str] = Field(default_factory=dict)
    score_source: ScoreSource | None = None
    sums: dict[str, tuple[float, ...]] = Field(default_factory=dict)


class MetricValue(Record):
    """A metric over videos: `value` and the ends of its 95 % interval. `videos`: how many videos have a value.

    `undefined`: the number of videos without a value, by reason. `reason`: why there is no value at all (Java is
    missing, ...). `unit`: `fraction`, `correlation`, `cosine` or `CIDEr`.
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
    """One row of a table with its videos. `runs` > 1: the values are means over several runs of the system.

    `videos` are those of the first run, `more_runs` those of each further run.
    """

    name: str
    kind: SystemKind
    metrics: tuple[MetricValue, ...]
    videos: tuple[VideoValues, ...]
    more_runs: tuple[tuple[VideoValues, ...], ...] = ()
    runs: int = 1
    note: str = ""


class Problem(Record):
    """A fault of an input: the video's id, a short slug as `reason`, what is wrong, and how the input was counted.

    `as_read`: the part that could be read counts, the rest counts as missing.
    """

    id: str
    reason: str
    detail: str
    counted: Literal["worst", "left_out", "as_read"]


class Provenance(Record):
    """Everything that a number depends on. `choices`: the protocol's choices by name."""

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
    """The whole result of `v2xum evaluate`: systems and baselines under one protocol, on one set of references."""

    version: Literal[1] = EVALUATION_VERSION
    provenance: Provenance
    systems: tuple[SystemValues, ...]
    problems: tuple[Problem, ...] = ()
    counts: dict[str, int]
