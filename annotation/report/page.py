"""Renders the review report as one HTML file with plots, without scripts and without requests to any network."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from jinja2 import Template

from pages.plots import BOTTOM, LEFT, RIGHT, TOP, Plot, Tick, nice_ticks
from pages.templates import asset, load_template, policy, trusted
from schemas.documents.review_report import Annotator, Estimate, ReviewReport

_MOST_PLOTS = 8
_WIDE, _EDGE = 220.0, 6.0


class Interval(NamedTuple):
    """An estimate as positions on a line of 220 units: value, ends (None: no interval), zero (None: not shown)."""

    value: float
    low: float | None
    high: float | None
    zero: float | None


class Row(NamedTuple):
    """A row of a table of estimates. `percent`: show the value in percent; `drawing`: None when there is no value."""

    name: str
    note: str
    estimate: Estimate
    percent: bool
    drawing: Interval | None


def render_review(report: ReviewReport) -> str:
    """The page's HTML."""
    css = asset("report.css") + asset("review.css")
    return _template().render(
        r=report,
        policy=policy(css, pictures=False),
        css=trusted(css),
        agreement=_agreement(report),
        errors=_errors(report),
        changed=_changed(report),
        accepted=_accepted(report.annotators),
        speed=_speed(report),
        drifting=[one for one in report.annotators if one.drifts],
        most=max((fix.verdicts for fix in report.fixes), default=1),
    )


def _agreement(report: ReviewReport) -> list[Row]:
    agreement = report.agreement
    return [
        _row("verdicts", "Krippendorff's alpha, nominal", agreement.verdict_alpha, -1, 1),
        _row("ratings", "Krippendorff's alpha, ordinal", agreement.rating_alpha, -1, 1),
        _row("keyframes", "F1 of two people's keyframes", agreement.keyframe_f1, 0, 1),
        _row("captions", "edit distance of two people's texts", agreement.caption_distance, 0, 1),
        _row("summaries", "edit distance of two people's texts", agreement.summary_distance, 0, 1),
    ]


def _errors(report: ReviewReport) -> list[Row]:
    errors = report.errors
    rows = [
        _row("not accepted as made", "disputed ones included", errors.rate, 0, 1, percent=True),
        _row("rejected", "", errors.rejected, 0, 1, percent=True),
        _row("fixed", "", errors.fixed, 0, 1, percent=True),
    ]
    if errors.sensitivity.of or errors.specificity.of:
        rows += [
            _row("corrected for people's errors", "Rogan-Gladen", errors.corrected, 0, 1, percent=True),
            _row("errors that people find", "gold questions", errors.sensitivity, 0, 1, percent=True),
            _row("good samples that people accept", "gold questions", errors.specificity, 0, 1, percent=True),
        ]
    return rows


def _changed(report: ReviewReport) -> list[Row]:
    return [
        _row("rewritten captions", "edit distance to the model's", report.edit_distance_captions, 0, 1),
        _row("rewritten summaries", "edit distance to the model's", report.edit_distance_summary, 0, 1),
    ]


def _row(name: str, note: str, estimate: Estimate, low: float, high: float, *, percent: bool = False) -> Row:
    def at(value: float | None) -> float | None:
        share = None if value is None else min(max((value - low) / (high - low), 0.0), 1.0)
        return None if share is None else _EDGE + share * (_WIDE - 2 * _EDGE)

    value = at(estimate.value)
    zero = at(0.0) if low < 0 else None
    drawing = None if value is None else Interval(value, at(estimate.low), at(estimate.high), zero)
    return Row(name, note, estimate, percent, drawing)


def _accepted(people: Sequence[Annotator]) -> list[Plot]:
    """The share of accepts over time of each annotator with two windows or more, of the first 8 annotators at most."""
    plots = []
    for one in people[:_MOST_PLOTS]:
        if len(one.windows) < 2:
            continue
        ends = [sum(window.verdicts for window in one.windows[: i + 1]) for i in range(len(one.windows))]
        values = [100 * window.accepted for window in one.windows]
        plots.append(
            _steps(one.annotator, "verdicts of the random stratum, in order of time", "% accepted", ends, values, 100.0)
        )
    return plots


def _speed(report: ReviewReport) -> Plot | None:
    """The seconds of a verdict by quantile. The slowest tenth is cut off if it would flatten the rest of the plot."""
    if len(report.seconds) < 2:
        return None
    shares = [10.0 * (i + 1) for i in range(len(report.seconds) - 1)]
    values = list(report.seconds[1:])
    top = values[-1] if values[-1] <= 3 * values[-2] else 1.5 * values[-2]
    return _steps("Seconds a verdict", "% of the verdicts took at most so long", "seconds", shares, values, top or 1.0)


def _steps(
    title: str, x_label: str, y_label: str, ends: Sequence[float], values: Sequence[float], highest: float
) -> Plot:
    """A line of steps: it has the height `values[i]` up to `ends[i]`, and begins at zero."""
    step, marks = nice_ticks(highest, 5)
    top = marks[-1] if marks[-1] >= highest * (1 - 1e-9) else marks[-1] + step
    across, along = nice_ticks(ends[-1], 6)

    def x(value: float) -> float:
        return LEFT + value / ends[-1] * (RIGHT - LEFT)

    def y(value: float) -> float:
        return BOTTOM - min(max(value / top, 0.0), 1.0) * (BOTTOM - TOP)

    points = []
    start = 0.0
    for end, value in zip(ends, values, strict=True):
        points += [f"{x(start):.1f},{y(value):.1f}", f"{x(end):.1f},{y(value):.1f}"]
        start = end
    line = " ".join(points)
    heights = [i * step for i in range(round(top / step) + 1)]
    return Plot(
        title,
        x_label,
        y_label,
        tuple(Tick(x(value), f"{value:,.0f}" if across >= 1 else f"{value:g}") for value in along),
        tuple(Tick(y(value), f"{value:,.0f}" if step >= 1 else f"{value:g}") for value in heights),
        f"{title}, {y_label}: {', '.join(f'{value:.0f}' for value in values[:30])}",
        line=line,
        area=f"{LEFT},{BOTTOM} {line} {RIGHT},{BOTTOM}",
    )


@functools.cache
def _template() -> Template:
    return load_template(
        "review.html.jinja",
        {
            "of": lambda value, whole: f"{value / whole:.1%}" if whole else "",
            "percent": lambda value: "–" if value is None else f"{value:.1%}",
            "figure": lambda value: "–" if value is None else f"{value:.2f}",
            "seconds": lambda value: "–" if value is None else f"{value:,.0f} s" if value >= 10 else f"{value:.1f} s",
            "hours": lambda value: f"{value / 3600:.1f} h" if value >= 3600 else f"{value / 60:.0f} min",
            "moment": lambda value: datetime.fromisoformat(value).strftime("%d %b %Y %H:%M UTC"),
        },
    )
