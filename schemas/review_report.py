"""What `v2xum review report` tells, as records: progress, agreement, annotators, label errors, what was fixed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.records import Record

REVIEW_REPORT_VERSION: Literal[1] = 1


class Estimate(Record):
    """A figure with its 95 % interval; `of` is how many observations it rests on. Nulls where there are too few."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    of: int = 0


class StratumProgress(Record):
    """Samples of a stratum: chosen now, of these judged by anyone, judged by as many as wanted, and disputed.

    `adjudication` are the disputed ones that wait for an adjudicator; some of them are in another stratum too.
    """

    stratum: str
    chosen: int = 0
    judged: int = 0
    complete: int = 0
    disputed: int = 0


class Progress(Record):
    """How far the review is. `stale`: verdicts on content that has changed since; `half_finished` have no decision."""

    samples: int = 0
    pushed: int = 0
    verdicts: int = 0
    finished: int = 0
    half_finished: int = 0
    stale: int = 0
    gold: int = 0
    unreviewed: int = 0
    accepted: int = 0
    fixed: int = 0
    rejected: int = 0
    disputed: int = 0
    strata: tuple[StratumProgress, ...] = ()


class Agreement(Record):
    """How far annotators agree on the same content.

    `verdict_alpha` (nominal) and `rating_alpha` (ordinal) are Krippendorff's; `keyframe_f1` the mean F1 of two people's
    keyframes; the distances are normalised Levenshtein distances (0 alike, 1 nothing in common) of two people's texts.
    """

    verdict_alpha: Estimate = Estimate()
    rating_alpha: Estimate = Estimate()
    keyframe_f1: Estimate = Estimate()
    caption_distance: Estimate = Estimate()
    summary_distance: Estimate = Estimate()


class LabelErrors(Record):
    """The share of the models' samples that people did not accept as they were, in the random stratum.

    `population` samples are stood for, `drawn` of them are the stratum, `judged` were judged so far. `rate` counts
    everything but an accept, disputed ones included; `rejected` and `fixed` are its parts. `corrected` takes account of
    the annotators' own errors, known from gold questions; `sensitivity` and `specificity` are theirs.
    """

    population: int = 0
    drawn: int = 0
    judged: int = 0
    disputed: int = 0
    rate: Estimate = Estimate()
    rejected: Estimate = Estimate()
    fixed: Estimate = Estimate()
    corrected: Estimate = Estimate()
    sensitivity: Estimate = Estimate()
    specificity: Estimate = Estimate()


class Window(Record):
    """A run of an annotator's verdicts in order of time: share of accepts, median seconds a verdict."""

    first: str
    verdicts: int
    accepted: float
    seconds: float | None = None


class Annotator(Record):
    """One person, by pseudonym. Counts are of finished verdicts; `seconds` is the median time of one.

    `agrees`: share of other people's verdicts on the same content that decide alike. `drift`, `speed_up` and `windows`
    are of the random stratum alone, whose samples are alike at any time. `drift`: share of accepts in the later half
    less that in the earlier half; `drifts` when its interval leaves out zero. `speed_up`: median seconds of the earlier
    half by that of the later half. `gold`: share of gold questions answered right.
    """

    annotator: str
    verdicts: int
    accept: int = 0
    fix: int = 0
    reject: int = 0
    seconds: float | None = None
    total_seconds: float = 0.0
    rating: float | None = None
    agrees: Estimate = Estimate()
    drift: Estimate = Estimate()
    drifts: bool = False
    speed_up: float | None = None
    gold: Estimate = Estimate()
    windows: tuple[Window, ...] = ()


class Fix(Record):
    """Something that people changed or complained of: in how many verdicts, and how often altogether."""

    what: str
    verdicts: int
    times: int


class ReviewReport(Record):
    """Everything that the report tells; `at` is when it was made (ISO 8601, UTC).

    `edit_distance_*`: how far people's texts are from the models', over texts that they changed.
    """

    version: Literal[1] = REVIEW_REPORT_VERSION
    name: str
    at: str
    progress: Progress = Progress()
    agreement: Agreement = Agreement()
    errors: LabelErrors = LabelErrors()
    annotators: tuple[Annotator, ...] = ()
    fixes: tuple[Fix, ...] = ()
    judged_verdicts: int = 0
    edit_distance_captions: Estimate = Estimate()
    edit_distance_summary: Estimate = Estimate()
    seconds: tuple[float, ...] = Field(default=(), description="deciles 0, 10 ... 100 % of the seconds a verdict")
    problems: dict[str, int] = Field(default_factory=dict, description="what of annotations was not understood")
