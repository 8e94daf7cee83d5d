"""Plots as geometry, which templates draw as inline SVG. Lengths are units of a canvas of 400 x 200."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from pages.histogram import Histogram

WIDTH, HEIGHT = 400, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 392, 22, 160
_BINS_OVER_TIME = 100
_BINS = 25


class Tick(NamedTuple):
    """A mark on an axis: its place and its text."""

    at: float
    text: str


class Bar(NamedTuple):
    """A bar of a histogram; `text` says its range and count."""

    x: float
    y: float
    width: float
    height: float
    text: str


class Line(NamedTuple):
    """One of several lines: `style` is `first` or `second`, `points` those of a polyline."""

    name: str
    style: str
    points: str


class Plot(NamedTuple):
    """A line (with the area below it), several lines, or bars, both axes, and perhaps one marked value of the x axis.

    `said` is the plot in words, for readers who cannot see it. `mark_left`: the text of the mark stands left of it.
    """

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    said: str
    line: str = ""
    area: str = ""
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    mark: Tick | None = None
    mark_left: bool = False


def over_time(title: str, unit: str, seconds: Sequence[float], counts: Sequence[float]) -> Plot | None:
    """Plot the rate of a counter over time, as means over equal spans; None with fewer than two readings.

    `seconds` ascend and `counts` never fall. `unit` is the unit of the rate. There are at most as many spans as gaps
    between readings.
    """
    if len(seconds) < 2 or seconds[-1] <= seconds[0]:
        return None
    start, whole = seconds[0], seconds[-1] - seconds[0]
    bins = max(1, min(_BINS_OVER_TIME, len(seconds) - 1, int(whole // 2) or 1))
    edges = [start + whole * i / bins for i in range(bins + 1)]
    at = [_between(seconds, counts, edge) for edge in edges]
    rates = [max(0.0, (b - a) * bins / whole) for a, b in pairwise(at)]
    top, y_ticks = _vertical(max(rates))
    scale, word = _time_unit(whole)
    x_ticks = tuple(Tick(_x(value * scale / whole), _number(value)) for value in nice_ticks(whole / scale, 6)[1])
    points = []
    for i, rate in enumerate(rates):
        y = _y(rate / top)
        points += [f"{_x(i / bins):.1f},{y:.1f}", f"{_x((i + 1) / bins):.1f},{y:.1f}"]
    line = " ".join(points)
    mean = (counts[-1] - counts[0]) / whole
    said = f"{title}: mean {_number(mean)} {unit}, highest {_number(max(rates))} {unit}, over {_number(whole)} s"
    area = f"{LEFT},{BOTTOM} {line} {RIGHT},{BOTTOM}"
    return Plot(title, f"{word} since the start", unit, x_ticks, y_ticks, said, line=line, area=area)


def histogram(
    title: str,
    x_label: str,
    data: Histogram,
    *,
    counted: str,
    low: float,
    high: float,
    mark: float | None = None,
    note: str = "",
) -> Plot | None:
    """Plot how many values lie where, as bars over [low, high]; None without values.

    Values beyond the ends count in the outermost bars. `counted` names what has the values (`samples`). `mark` is a
    value to mark on the x axis, with the text `note`.
    """
    if not data.count:
        return None
    counts = data.coarse(_BINS, low, high)
    top, y_ticks = _vertical(max(counts), whole=True)
    step = (high - low) / _BINS
    bars = tuple(
        Bar(
            _x(i / _BINS) + 0.5,
            _y(count / top),
            (RIGHT - LEFT) / _BINS - 1,
            BOTTOM - _y(count / top),
            f"{low + i * step:.3g} to {low + (i + 1) * step:.3g}: {count:,}",
        )
        for i, count in enumerate(counts)
        if count
    )
    x_ticks = tuple(Tick(_x(i / 5), f"{low + (high - low) * i / 5:.2f}".rstrip("0").rstrip(".")) for i in range(6))
    spread = data.spread()
    said = f"{title}: {data.count:,} {counted}"
    if spread is not None:
        said += f", median {spread.median:.3g}, from {spread.minimum:.3g} to {spread.maximum:.3g}"
    place = Tick(_x((mark - low) / (high - low)), note) if mark is not None else None
    left = mark is not None and mark - low > (high - low) / 2
    return Plot(title, x_label, counted, x_ticks, y_ticks, said, bars=bars, mark=place, mark_left=left)


def curves(
    title: str, x_label: str, y_label: str, named: Mapping[str, Sequence[tuple[float, float]]], mark: Tick | None = None
) -> Plot | None:
    """Plot up to two lines of (x, y) >= 0 over one x axis from 0; None without a line of two points.

    What is not finite is left out. `mark` is a value of the x axis and its text.
    """
    finite = {name: [pair for pair in points if all(map(math.isfinite, pair))] for name, points in named.items()}
    shown = {name: points for name, points in finite.items() if len(points) > 1}
    if not shown:
        return None
    right = max(x for points in shown.values() for x, _ in points) or 1.0
    top, y_ticks = _vertical(max(y for points in shown.values() for _, y in points))
    lines = tuple(
        Line(name, style, " ".join(f"{_x(x / right):.1f},{_y(y / top):.1f}" for x, y in points))
        for (name, points), style in zip(shown.items(), ("first", "second"), strict=False)
    )
    ends = (f"{name} from {_number(points[0][1])} to {_number(points[-1][1])}" for name, points in shown.items())
    x_ticks = tuple(Tick(_x(value / right), _number(value)) for value in nice_ticks(right, 6)[1])
    place = None if mark is None else Tick(_x(mark.at / right), mark.text)
    left = mark is not None and mark.at > right / 2
    said = f"{title}: {'; '.join(ends)}" + ("" if mark is None else f"; {mark.text}: {_number(mark.at)}")
    return Plot(title, x_label, y_label, x_ticks, y_ticks, said, lines=lines, mark=place, mark_left=left)


def nice_ticks(highest: float, most: int) -> tuple[float, list[float]]:
    """Round steps for an axis: the step (1, 2 or 5 times a power of ten), and its multiples from 0 to `highest`.

    There are at most `most` multiples.
    """
    if not highest > 0 or not math.isfinite(highest):
        return 1.0, [0.0]
    rough = highest / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return step, [i * step for i in range(int(highest / step + 1e-9) + 1)]


def _vertical(highest: float, *, whole: bool = False) -> tuple[float, tuple[Tick, ...]]:
    """The upper end of the y axis, which is a tick at or above the highest value, and the ticks."""
    highest = highest if highest > 0 else 1.0
    step, _ = nice_ticks(highest, 5)
    step = max(step, 1.0) if whole else step
    count = max(1, math.ceil(highest / step - 1e-9))
    return count * step, tuple(Tick(_y(i / count), _number(i * step)) for i in range(count + 1))


def _between(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """A counter's value at `x`, by linear interpolation between readings."""
    i = min(max(bisect_right(xs, x), 1), len(xs) - 1)
    width = xs[i] - xs[i - 1]
    return ys[i - 1] + (ys[i] - ys[i - 1]) * (x - xs[i - 1]) / width if width > 0 else float(ys[i])


def _time_unit(seconds: float) -> tuple[float, str]:
    for scale, word in ((3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 3 * scale:
            return scale, word
    return 1.0, "seconds"


def _number(value: float) -> str:
    """A number with thousands separators and no more digits than it needs: `12 k`, `3.4 M`, `5e-4`."""
    if 0 < value < 1e-3:
        digits, power = f"{value:.1e}".split("e")
        return f"{float(digits):g}e{int(power)}"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            shown = value / (1e3 if letter == "k" else size)
            return f"{shown:,.1f}".removesuffix(".0") + f" {letter}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _x(share: float) -> float:
    return LEFT + min(max(share, 0.0), 1.0) * (RIGHT - LEFT)


def _y(share: float) -> float:
    return BOTTOM - min(max(share, 0.0), 1.0) * (BOTTOM - TOP)
