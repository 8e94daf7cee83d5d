"""Refuses a release of which people have checked too little, or whose checked part says that it is too bad.

The unreviewed share is counted over the samples of the release. The label-error rate is that of the review's random
stratum (annotation/report/rates.py), which stands for all samples; other reviewed samples were chosen because they
looked bad. A limit on it is a promise to readers, so the upper end of the 95 % interval must keep it: two judged
samples without an error promise nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from curation.status.standings import Standings
from schemas.documents.review_report import Estimate
from schemas.errors import ReleaseRefused
from schemas.kit.number_of import number_of
from schemas.release import ReviewFigures


class Limits(NamedTuple):
    """The largest share of unreviewed rows, and the largest label-error rate, each 0..1; None: no limit."""

    max_unreviewed: float | None = None
    max_error_rate: float | None = None


def unreviewed(standings: Standings, ids: list[str]) -> int:
    """How many of the samples `ids` have no verdict that counts. Only samples with a verdict are read."""
    judged = set(standings.people.judged()).intersection(ids)
    counting = sum(sample.review.status != "unreviewed" for sample in standings.published(sorted(judged)))
    return len(ids) - counting


def error_rate(figures: ReviewFigures) -> Estimate:
    """The label-error rate, without the annotators' own errors where gold questions measured them."""
    corrected = figures.errors.corrected
    return corrected if corrected.value is not None else figures.errors.rate


def refusals(figures: ReviewFigures, limits: Limits) -> list[str]:
    """Why a release with these figures may not be made, with the numbers; empty when it may."""
    found = []
    share = figures.unreviewed_share
    if limits.max_unreviewed is not None and share > limits.max_unreviewed:
        found.append(
            f"{figures.unreviewed} of {number_of(figures.samples, 'sample')} are unreviewed ({share:.1%}); "
            f"--max-unreviewed allows {limits.max_unreviewed:.1%}"
        )
    if limits.max_error_rate is not None and (problem := _too_wrong(figures, limits.max_error_rate)):
        found.append(problem)
    return found


def raise_if_refused(version: str, figures: ReviewFigures, limits: Limits) -> None:
    """Raise ReleaseRefused with the numbers of every limit that the release breaks."""
    if found := refusals(figures, limits):
        raise ReleaseRefused(
            f"release {version} is refused, and nothing was written: {'; '.join(found)}. `v2xum review push` "
            "and `pull` have more samples checked"
        )


def _too_wrong(figures: ReviewFigures, most: float) -> str | None:
    rate, errors = error_rate(figures), figures.errors
    if rate.value is None or rate.low is None or rate.high is None:
        return f"no sample of the random stratum is judged, so the label-error rate is unknown; {_allows(most)}"
    if rate.high <= most:
        return None
    return (
        f"the label-error rate is {rate.value:.1%} (95 % interval {rate.low:.1%} to {rate.high:.1%}, {errors.judged} "
        f"judged of {errors.drawn} in the random stratum); {_allows(most)}, and the interval's upper end must keep it"
    )


def _allows(most: float) -> str:
    return f"--max-error-rate allows {most:.1%}"
