"""Records of the review report: progress, agreement, annotators, label errors, and what people fixed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.records import Record

REVIEW_REPORT_VERSION: Literal[1] = 1


class Estimate(Record):
    """A figure with its 95 % interval. `of`: its number of observations; the others are None when there are too few."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    of: int = 0


class StratumProgress(Record):
    """The progress of a stratum, in samples.

    `chosen`: samples in it now; `judged`: those that anybody judged; `complete`: those that as many people as wanted
    judged; `disputed`: those whose verdicts disagree. The stratum `adjudication` holds the disputed samples that wait
    for an adjudicator; some of them are in another stratum too.
    """

    stratum: str
    chosen: int = 0
    judged: int = 0
    complete: int = 0
    disputed: int = 0


class Progress(Record):
    """The progress of the review.

    Samples: `samples` in all, `pushed` to Label Studio, and, by outcome, `unreviewed`, `accepted`, `fixed`, `rejected`
    and `disputed`. Verdicts: `verdicts` in all, `finished` ones with a decision and `half_finished` ones without; of
    the finished ones, `stale` are on content that has changed since, and `gold` are on gold questions.
    """

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

    `verdict_alpha` (nominal) and `rating_alpha` (ordinal) are Krippendorff's alpha. `keyframe_f1` is the mean F1 of two
    people's keyframes. The distances are normalised Levenshtein distances of two people's texts (0: equal, 1: nothing
    in common).
    """

    verdict_alpha: Estimate = Estimate()
    rating_alpha: Estimate = Estimate()
    keyframe_f1: Estimate = Estimate()
    caption_distance: Estimate = Estimate()
    summary_distance: Estimate = Estimate()


class LabelErrors(Record):
    """The share of the models' samples that people did not accept unchanged, in the random stratum.

    The stratum's `drawn` samples represent `population` samples; `judged` of them have been judged. `rate` counts every
    outcome but accept, disputed samples included; `rejected` and `fixed` are its parts. `corrected` is the rate without
    the annotators' own errors, which `sensitivity` and `specificity` measure on gold questions.
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


class PersonVerdicts(Record):
    """How many samples one person judged, by pseudonym, gold questions included, and with which decisions."""

    annotator: str
    verdicts: int
    accept: int = 0
    fix: int = 0
    reject: int = 0


class ReviewFindings(Record):
    """What a release says of its review: label errors, agreement, and who judged how much (most verdicts first)."""

    errors: LabelErrors = LabelErrors()
    agreement: Agreement = Agreement()
    people: tuple[PersonVerdicts, ...] = ()


class Window(Record):
    """Consecutive verdicts of an annotator: first one's time, number, share of accepts, median seconds of a verdict."""

    first: str
    verdicts: int
    accepted: float
    seconds: float | None = None


class Annotator(Record):
    """The figures of one person, named by pseudonym. The counts are of finished verdicts.

    - `quick`: verdicts that took less than `review.min_seconds`, where no other of the person on that content counts;
      they play no part in `agrees`, `gold`, `drift` and `windows`.
    - `seconds`: median seconds of a verdict.
    - `agrees`: share of other people's verdicts on the same content that have the same decision.
    - `gold`: share of gold questions that the person answered right.
    - `drift`: share of accepts in the later half of the verdicts minus the share in the earlier half.
    - `drifts`: whether the interval of `drift` excludes zero.
    - `speed_up`: median seconds of the earlier half divided by those of the later half.

    `drift`, `speed_up` and `windows` use the random stratum only, because its samples are of the same kind at any time.
    """

    annotator: str
    verdicts: int
    quick: int = 0
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
    """A kind of change or complaint: the number of verdicts with it, and how often it occurs in all."""

    what: str
    verdicts: int
    times: int


class ReviewReport(Record):
    """The whole report. `at`: the time when it was made (ISO 8601, UTC).

    `edit_distance_*`: mean distance of the texts that people changed from the models' texts.
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
    seconds: tuple[float, ...] = Field(default=(), description="deciles 0, 10 ... 100 % of the seconds of a verdict")
    problems: dict[str, int] = Field(default_factory=dict, description="parts of annotations that were not understood")
