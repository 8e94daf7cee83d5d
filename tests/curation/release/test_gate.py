"""Releases that too few people checked, or whose random stratum is too bad, are refused with the numbers."""

from pathlib import Path

import pytest

from annotation.report.rates import corrected, share
from curation.release.gate import Limits, error_rate, raise_if_refused, refusals, unreviewed
from curation.review.verdict_store import Reviews
from curation.status.standings import Standings
from schemas.documents.review_report import LabelErrors
from schemas.errors import ReleaseRefused
from schemas.release import ReviewFigures
from tests.curation.finished import finished
from tests.curation.people import verdict
from tests.curation.samples import make_sample


def judged(wrong: int, of: int) -> LabelErrors:
    return LabelErrors(population=1000, drawn=400, judged=of, rate=share(wrong, of))


def test_the_unreviewed_share_is_compared_and_named() -> None:
    figures = ReviewFigures(samples=200, unreviewed=30)
    assert refusals(figures, Limits(max_unreviewed=0.15)) == []
    (refusal,) = refusals(figures, Limits(max_unreviewed=0.1))
    assert "30 of 200 samples are unreviewed (15.0%)" in refusal and "allows 10.0%" in refusal


def test_without_limits_everything_may_be_released() -> None:
    assert refusals(ReviewFigures(samples=3, unreviewed=3), Limits()) == []


def test_the_upper_end_of_the_interval_must_keep_the_limit() -> None:
    """Nobody can promise 5 % after two samples without an error."""
    few = ReviewFigures(samples=1000, unreviewed=998, errors=judged(0, 2))
    many = ReviewFigures(samples=1000, unreviewed=600, errors=judged(6, 400))
    (refusal,) = refusals(few, Limits(max_error_rate=0.05))
    assert "label-error rate is 0.0% (95 % interval 0.0% to " in refusal and "2 judged of 400" in refusal
    assert refusals(many, Limits(max_error_rate=0.05)) == []
    assert refusals(many, Limits(max_error_rate=0.02)) != []


def test_an_unknown_rate_keeps_no_limit() -> None:
    (refusal,) = refusals(ReviewFigures(samples=5, unreviewed=5), Limits(max_error_rate=1.0))
    assert "no sample of the random stratum is judged" in refusal


def test_gold_questions_correct_the_rate() -> None:
    plain = judged(10, 100)
    both = plain.model_copy(update={"corrected": corrected(10, 100, (40, 50), (50, 50))})
    assert error_rate(ReviewFigures(samples=1, unreviewed=0, errors=plain)) == plain.rate
    assert error_rate(ReviewFigures(samples=1, unreviewed=0, errors=both)) == both.corrected != plain.rate


def test_all_broken_limits_are_in_one_message() -> None:
    with pytest.raises(ReleaseRefused, match=r"release 1\.0\.0 .* 9 of 10 .*; .*random stratum"):
        raise_if_refused("1.0.0", ReviewFigures(samples=10, unreviewed=9), Limits(0.5, 0.5))


@pytest.mark.slow
def test_only_verdicts_that_count_make_a_sample_reviewed(tmp_path: Path) -> None:
    made = [make_sample(f"v{number:03d}") for number in range(4)]
    with finished(tmp_path / "w", made) as (_, services):
        stale = verdict(made[2]).model_copy(update={"content_sha256": "0" * 64})
        Reviews(services.ledger).store(
            [verdict(made[0]), verdict(made[1], decision=None), stale, verdict(made[3], "reject")]
        )
        standings = Standings(services.view)
        ids = standings.samples()
        assert ids == ["v000", "v001", "v002"], "the rejected one is no sample"
        assert unreviewed(standings, ids) == 2
