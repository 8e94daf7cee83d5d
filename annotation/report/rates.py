"""Shares with intervals: plain ones, differences, and label-error rates corrected for the annotators' own errors."""

from __future__ import annotations

import math
from statistics import NormalDist

from curation.plan.intervals import CONFIDENCE, wilson
from schemas.documents.review_report import Estimate

_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


def share(hits: int, of: int) -> Estimate:
    """The share `hits / of` with Wilson's interval; an empty estimate without observations."""
    if not of:
        return Estimate()
    estimated = wilson(hits, of)
    low, high = round(estimated.low, 4), round(estimated.high, 4)
    return Estimate(value=round(estimated.expected, 4), low=low, high=high, of=of)


def difference(first: tuple[int, int], second: tuple[int, int]) -> Estimate:
    """The second share minus the first, each given as (hits, of), with the hybrid score interval.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17,
    1998, method 10. There is no value when one share has no observations.
    """
    if not first[1] or not second[1]:
        return Estimate(of=first[1] + second[1])
    a, b = wilson(*first), wilson(*second)
    gap = b.expected - a.expected
    low = gap - math.hypot(b.expected - b.low, a.high - a.expected)
    high = gap + math.hypot(b.high - b.expected, a.expected - a.low)
    return Estimate(value=round(gap, 4), low=round(low, 4), high=round(high, 4), of=first[1] + second[1])


def corrected(hits: int, of: int, sensitivity: tuple[int, int], specificity: tuple[int, int]) -> Estimate:
    """The true share of errors, when people who make mistakes called `hits` of `of` samples errors.

    `sensitivity`: (errors that they found, gold questions with an error); `specificity`: (gold questions that they
    accepted, gold questions without an error). There is no value when a number of questions or samples is zero, or when
    it is not certain that people do better than chance.

    Estimate: W. J. Rogan and B. Gladen, American Journal of Epidemiology 107, 1978. Interval: Z. Lang and J. Reiczigel,
    "Confidence limits for prevalence of disease adjusted for estimated sensitivity and specificity", Preventive
    Veterinary Medicine 113, 2014.
    """
    (found, wrong), (passed, right) = sensitivity, specificity
    if not of or not wrong or not right or found / wrong + passed / right <= 1:
        return Estimate(of=of)
    z2 = _Z * _Z
    p, n = (hits + z2 / 2) / (of + z2), of + z2
    se, n_se = (found + 1) / (wrong + 2), wrong + 2
    sp, n_sp = (passed + 1) / (right + 2), right + 2
    youden = se + sp - 1
    of_se, of_sp = se * (1 - se) / n_se, sp * (1 - sp) / n_sp
    if youden <= _Z * math.sqrt(of_se + of_sp):
        return Estimate(of=of)
    centre = (p + sp - 1) / youden
    shift = 2 * z2 * (centre * of_se - (1 - centre) * of_sp)
    spread = math.sqrt(p * (1 - p) / n + centre**2 * of_se + (1 - centre) ** 2 * of_sp) / youden
    plain = (hits / of + passed / right - 1) / (found / wrong + passed / right - 1)
    low, high = (min(max(centre + shift + sign * _Z * spread, 0.0), 1.0) for sign in (-1, 1))
    value = min(max(plain, 0.0), 1.0)
    return Estimate(value=round(value, 4), low=round(min(low, value), 4), high=round(max(high, value), 4), of=of)
