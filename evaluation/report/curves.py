"""The geometry of an evaluation's plots, for a template that draws SVG: spreads over videos, scores over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evaluation.cases import Floats, Prediction, Reference
from evaluation.report.summaries import ShownSummary
from evaluation.report.tables import label, minus, number
from pages.plots import Tick, nice_ticks
from schemas.documents.evaluation import SystemValues
from schemas.safe_text import plain, plain_line

SPREAD_WIDTH, SPREAD_LEFT, SPREAD_RIGHT = 440, 138, 416
ROW, TOP = 46, 14
_BINS, _BAR = 44, 26
CURVE_WIDTH, CURVE_HEIGHT = 720, 176
CURVE_LEFT, CURVE_RIGHT, CURVE_TOP, CURVE_BOTTOM = 8, 712, 10, 104
_STRIPS = (116, 138)  # the top of each strip of chosen frames; the time axis is below them
_STRIP = 14
_POINTS = 700
_NARROWEST = 1e-3  # a narrower range of values would be one number in every table
_NAME = 20


class Ridge(NamedTuple):
    """One system's values of a metric: histogram outline, mean and interval; `description`: the same in words."""

    name: str
    kind: str
    top: float
    outline: str
    mean: float
    low: float | None
    high: float | None
    description: str


class Spread(NamedTuple):
    """The plot of one metric: a row for each system with its values by video, all on one axis."""

    title: str
    unit: str
    height: float
    x_ticks: tuple[Tick, ...]
    ridges: tuple[Ridge, ...]
    width: float = SPREAD_WIDTH
    left: float = SPREAD_LEFT - 8


class Span(NamedTuple):
    """Adjacent chosen frames: left end, width, and the share (0..1) of the annotators who chose them."""

    x: float
    width: float
    share: float


class Curve(NamedTuple):
    """Scores over the time of a video, of annotators (mean, quartiles) and prediction, and the frames they chose."""

    description: str
    x_ticks: tuple[Tick, ...]
    annotators: str
    band: str
    predicted: str
    chosen_by_annotators: tuple[Span, ...]
    chosen: tuple[Span, ...]
    strips: tuple[float, float] = _STRIPS
    strip: float = _STRIP
    width: float = CURVE_WIDTH
    height: float = CURVE_HEIGHT
    left: float = CURVE_LEFT
    right: float = CURVE_RIGHT
    bottom: float = CURVE_BOTTOM


def spreads(rows: Sequence[SystemValues]) -> tuple[Spread, ...]:
    """A plot for each metric for which a system has values by video, in the order of the document."""
    names = list(dict.fromkeys(metric.name for row in rows for metric in row.metrics))
    return tuple(plot for name in names if (plot := _spread(name, rows)) is not None)


def curve(reference: Reference, prediction: Prediction, summary: ShownSummary) -> Curve | None:
    """The annotators' and the prediction's scores over time, each scaled to 0..1 over its own range.

    Below are the frames that annotators chose, and the summary that the protocol compares. Where annotators only chose
    frames, their curve is the share of annotators who chose each frame. None where there is nothing to draw.
    """
    rated = reference.scores
    if rated is None and reference.selections is not None:
        rated = reference.selections.astype(np.float64)
    guess = prediction.scores
    if reference.frames < 1 or (rated is None and guess is None and summary.frames is None):
        return None
    line = band = own = ""
    if rated is not None and (scaled := _scaled(rated)) is not None:
        line = _points(scaled.mean(axis=0))
        if len(rated) > 1:
            quartiles = np.quantile(scaled, [0.25, 0.75], axis=0)
            band = f"{_points(quartiles[0])} {' '.join(reversed(_points(quartiles[1]).split()))}"
    if guess is not None and (scaled := _scaled(guess)) is not None:
        own = _points(scaled)
    seconds = reference.frames / reference.fps
    scale, word = (60.0, "min") if seconds >= 180 else (1.0, "s")
    ticks = tuple(
        Tick(_time(value * scale / seconds), f"{value:g} {word}") for value in nice_ticks(seconds / scale, 7)[1][:-1]
    )
    if summary.frames is None:
        said = summary.origin
    elif summary.own:
        said = f"it chose {summary.frames.sum():,} frames"
    else:
        said = f"its summary has {summary.frames.sum():,} of {summary.frames.size:,} frames"
    return Curve(
        description=f"Scores over {seconds:.0f} s, the annotators' mean and the prediction: {said}",
        x_ticks=ticks,
        annotators=line,
        band=band,
        predicted=own,
        chosen_by_annotators=() if summary.people is None else _spans(summary.people.mean(axis=0)),
        chosen=() if summary.frames is None else _spans(summary.frames.astype(np.float64)),
    )


def _spread(name: str, rows: Sequence[SystemValues]) -> Spread | None:
    known = [
        (row, np.array([v for video in row.videos if (v := video.values.get(name)) is not None], np.float64))
        for row in rows
    ]
    known = [(row, values) for row, values in known if values.size]
    if not known:
        return None
    lowest, highest = min(float(v.min()) for _, v in known), max(float(v.max()) for _, v in known)
    if highest - lowest < max(_NARROWEST, 1e-6 * max(abs(lowest), abs(highest))):
        # Also values that rounding alone tells apart: no axis can have ticks between them.
        middle = (lowest + highest) / 2
        lowest, highest = middle - 0.5, middle + 0.5
    step, _ = nice_ticks(highest - lowest, 6)
    lowest, highest = math.floor(lowest / step + 1e-9) * step, math.ceil(highest / step - 1e-9) * step
    count = round((highest - lowest) / step)
    x_ticks = tuple(
        Tick(SPREAD_LEFT + (SPREAD_RIGHT - SPREAD_LEFT) * i / count, minus(f"{lowest + i * step:.6g}"))
        for i in range(count + 1)
    )
    unit = next((metric.unit for row in rows for metric in row.metrics if metric.name == name), "")
    ridges = tuple(_ridge(row, values, name, lowest, highest, TOP + ROW * i) for i, (row, values) in enumerate(known))
    return Spread(label(name), unit if unit != label(name) else "", TOP + ROW * len(known) + 24, x_ticks, ridges)


def _ridge(row: SystemValues, values: Floats, name: str, lowest: float, highest: float, top: float) -> Ridge:
    def at(value: float) -> float:
        share = (value - lowest) / (highest - lowest)
        return SPREAD_LEFT + (SPREAD_RIGHT - SPREAD_LEFT) * min(max(share, 0.0), 1.0)

    counts, edges = np.histogram(values, bins=_BINS, range=(lowest, highest))
    base, tallest = top + _BAR, int(counts.max())
    parts = [f"{at(edges[0]):.1f},{base:.1f}"]
    for i, many in enumerate(counts.tolist()):
        y = base - _BAR * many / tallest
        parts += [f"{at(edges[i]):.1f},{y:.1f}", f"{at(edges[i + 1]):.1f},{y:.1f}"]
    parts.append(f"{at(edges[-1]):.1f},{base:.1f}")
    metric = next((m for m in row.metrics if m.name == name and m.value is not None), None)
    mean = float(values.mean()) if metric is None or metric.value is None else metric.value
    low, high = (metric.low, metric.high) if metric else (None, None)
    quartiles = np.quantile(values, [0.25, 0.5, 0.75])
    interval = f", 95 % interval {number(low)} to {number(high)}" if low is not None else ""
    return Ridge(
        name=plain(row.name, _NAME),
        kind=row.kind,
        top=top,
        outline=" ".join(parts),
        mean=at(mean),
        low=None if low is None else at(low),
        high=None if high is None else at(high),
        description=(
            f"{plain_line(row.name)}, {len(values):,} videos: mean {number(mean)}{interval}; quartiles "
            + ", ".join(map(number, quartiles.tolist()))
        ),
    )


def _scaled(values: Floats) -> Floats | None:
    """Values scaled to 0..1 over their own range; constant values to 0.5. None for no values or one not finite."""
    if not values.size or not np.isfinite(values).all():
        return None
    values = values / (float(np.abs(values).max()) or 1.0)  # the range of huge values would overflow
    low, spread = float(values.min()), float(np.ptp(values))
    scaled: Floats = (values - low) / spread if spread > 0 else np.full(values.shape, 0.5)
    return scaled


def _time(share: float) -> float:
    return CURVE_LEFT + (CURVE_RIGHT - CURVE_LEFT) * share


def _points(values: Floats) -> str:
    """A polyline of values in 0..1. In a long video each point is the highest of several frames, so peaks stay."""
    count = len(values)
    if count > _POINTS:
        edges = np.linspace(0, count, _POINTS + 1).astype(int)
        places, heights = (edges[:-1] + edges[1:]) / 2, np.maximum.reduceat(values, edges[:-1])
    else:
        places, heights = np.arange(count) + 0.5, values
    y = CURVE_BOTTOM - (CURVE_BOTTOM - CURVE_TOP) * np.clip(heights, 0, 1)
    return " ".join(f"{_time(x / count):.1f},{v:.1f}" for x, v in zip(places.tolist(), y.tolist(), strict=True))


def _spans(shares: Floats) -> tuple[Span, ...]:
    """Runs of equal share above 0."""
    count = len(shares)
    borders = np.flatnonzero(np.diff(shares)) + 1
    starts, ends = [0, *borders.tolist()], [*borders.tolist(), count]
    width = (CURVE_RIGHT - CURVE_LEFT) / max(count, 1)
    return tuple(
        Span(_time(start / count), max(width * (end - start), 0.6), float(shares[start]))
        for start, end in zip(starts, ends, strict=True)
        if count and shares[start] > 0
    )
