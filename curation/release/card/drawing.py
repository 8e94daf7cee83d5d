"""Draws one plot as PNG by matplotlib: equal data give equal bytes on one installation.

A plot has its own light ground, so that it reads the same on white and on dark pages, and letters that stay legible on
a phone. Fonts come with matplotlib, and no settings file of the user counts. Texts are never read as formulas, and
characters that the font lacks are shown as a box instead of a warning.
"""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

PAPER, INK, SOFT, GRID = "#fbfaf7", "#1d1d1f", "#5b5b60", "#dcdad3"
OURS, THEIRS = "#2b6cb0", "#b3541e"  # told apart in print too: theirs is always dashed and named
WIDTH, HEIGHT, DOTS = 7.2, 3.9, 200  # inches, dots an inch: 1440 x 780 pixels
_TITLE, _SIZE, _SMALL = 16.5, 15.0, 14.0  # points: about 10 pixels where a phone shows the plot 360 pixels wide
_BOX = "\u25a1"


class Line(NamedTuple):
    """A marked value on the x axis, with its name in the legend; `theirs`: a published one, which is dashed.

    `second`: another value of our own beside the first, which is dotted.

    A value beyond the axis is named in the legend alone.
    """

    at: float
    name: str
    theirs: bool = False
    second: bool = False


class Bar(NamedTuple):
    """A named horizontal bar with the text at its end."""

    name: str
    value: float
    text: str


class Range(NamedTuple):
    """A named value with an interval around it: `low <= value <= high`, a text, and perhaps the middle half."""

    name: str
    value: float
    low: float
    high: float
    text: str
    middle: tuple[float, float] | None = None


def histogram(
    title: str,
    x_label: str,
    *,
    edges: Sequence[float],
    counts: Sequence[int],
    lines: Sequence[Line] = (),
    counted: str = "videos",
    form: Callable[[float], str] = "{:,.5g}".format,
) -> bytes:
    """Bars of `counts` between neighbouring `edges` (one more than counts), and marked values, as PNG."""
    with _axes(title) as (figure, axes):
        widths = [high - low for low, high in pairwise(edges)]
        axes.bar(edges[:-1], counts, widths, align="edge", color=OURS, edgecolor=PAPER, linewidth=1.2, zorder=2)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(0, max([*counts, 1]) * 1.06)
        for line in lines:
            style = {
                "color": THEIRS if line.theirs else INK,
                "linestyle": (0, (4, 2.5)) if line.theirs else (0, (1, 1.2)) if line.second else "solid",
                "linewidth": 2.4,
                "zorder": 3,
            }
            if edges[0] <= line.at <= edges[-1]:
                axes.axvline(line.at, label=_shown(line.name), **style)
            else:
                axes.plot([], [], label=_shown(f"{line.name} (beyond this axis)"), **style)
        _label(axes, "x", x_label, form)
        _label(axes, "y", counted, "{:,.5g}".format, whole=True)
        _legend(figure, axes)
        return _png(figure)


def bars(title: str, named: Sequence[Bar], x_label: str) -> bytes:
    """Horizontal bars, the first on top, as PNG; the picture's height follows from their number."""
    with _axes(title, rows=len(named)) as (figure, axes):
        places = range(len(named))
        axes.barh(places, [bar.value for bar in named], 0.62, color=OURS, zorder=2)
        most = max([bar.value for bar in named] + [1])
        for place, bar in zip(places, named, strict=True):
            axes.text(bar.value + most * 0.015, place, _shown(bar.text), va="center", color=INK, **_text(_SMALL))
        axes.set_xlim(0, most * 1.36)
        _names(axes, [bar.name for bar in named])
        _label(axes, "x", x_label, "{:,.5g}".format, whole=True)
        return _png(figure)


def ranges(title: str, named: Sequence[Range], x_label: str, *, low: float, high: float) -> bytes:
    """Values with intervals on an axis from `low` to `high`, the first on top, as PNG."""
    with _axes(title, rows=len(named)) as (figure, axes):
        for place, one in enumerate(named):
            axes.plot(
                [one.low, one.high],
                [place, place],
                color=OURS,
                linewidth=2.6,
                zorder=2,
                solid_capstyle="butt",
                clip_on=False,
            )
            if one.middle is not None:
                axes.plot(
                    one.middle, [place, place], color=OURS, linewidth=11, zorder=2, solid_capstyle="butt", clip_on=False
                )
            axes.plot([one.value], [place], "o", color=INK, markersize=9, zorder=4, clip_on=False)
            axes.text(high + (high - low) * 0.04, place, _shown(one.text), va="center", color=INK, **_text(_SMALL))
        axes.set_xlim(low, high)
        _names(axes, [one.name for one in named])
        _label(axes, "x", x_label, "{:.5g}".format)
        return _png(figure)


def curves(title: str, x_label: str, y_label: str, named: Mapping[str, Sequence[tuple[float, float]]]) -> bytes:
    """Lines through points (x, y) by their names, as PNG; the first is solid, the second dashed."""
    with _axes(title) as (figure, axes):
        for (name, points), (color, style) in zip(named.items(), ((OURS, "-"), (THEIRS, "--")), strict=False):
            axes.plot(*zip(*points, strict=True), style, color=color, label=_shown(name), linewidth=2.2, zorder=2)
        axes.set_ylim(bottom=0)
        _label(axes, "x", x_label, "{:,.5g}".format)
        _label(axes, "y", y_label, "{:,.5g}".format)
        _legend(figure, axes)
        return _png(figure)


@contextmanager
def _axes(title: str, rows: int | None = None) -> Iterator[tuple[Any, Any]]:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        height = HEIGHT if rows is None else 1.6 + 0.42 * max(rows, 2)
        figure = Figure(
            figsize=(WIDTH, height), dpi=DOTS, facecolor=PAPER, layout=ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.07)
        )
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_facecolor(PAPER)
        figure.suptitle(_shown(title), x=0.02, ha="left", color=INK, **_text(_TITLE, bold=True))
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(SOFT)
        axes.grid(axis="x" if rows is not None else "y", color=GRID, linewidth=1, zorder=0)
        axes.tick_params(color=SOFT, length=0 if rows is not None else 4)
        axes.tick_params("y", pad=10 if rows is not None else 4)
        yield figure, axes


def _label(axes: Any, which: str, text: str, form: Callable[[float], str], *, whole: bool = False) -> None:
    """The name of an axis and its ticks, whose texts have our font."""
    from matplotlib.ticker import MaxNLocator

    axis, limits = getattr(axes, f"{which}axis"), getattr(axes, f"get_{which}lim")()
    ticks = MaxNLocator(nbins=5, integer=whole, steps=[1, 2, 2.5, 5, 10]).tick_values(*limits)
    ticks = [tick for tick in ticks if limits[0] - 1e-9 <= tick <= limits[1] + 1e-9]
    axis.set_ticks(ticks, labels=[form(tick) for tick in ticks], color=INK, **_text(_SMALL))
    axis.set_label_text(_shown(text), color=INK, **_text(_SIZE))


def _names(axes: Any, names: Sequence[str]) -> None:
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), labels=[_shown(name) for name in names], color=INK, **_text(_SMALL))
    axes.spines["left"].set_visible(False)


def _legend(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        legend = figure.legend(
            handles, labels, loc="outside lower left", ncols=1, frameon=False, prop=_font(), labelcolor=INK
        )
        for text in legend.get_texts():
            text.set_fontsize(_SMALL)
            text.set_parse_math(False)


def _png(figure: Any) -> bytes:
    """The picture without the name and version of the program that drew it."""
    stream = io.BytesIO()
    with warnings.catch_warnings():  # a name may be too wide for any layout: it is cut at the edge then
        warnings.filterwarnings("ignore", "constrained_layout not applied", UserWarning)
        figure.savefig(stream, format="png", facecolor=PAPER, metadata={"Software": None})
    return stream.getvalue()


def _text(size: float, *, bold: bool = False) -> dict[str, Any]:
    return {"fontproperties": _font(bold), "fontsize": size, "parse_math": False}


@functools.cache
def _font(bold: bool = False) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=str(_font_file(bold)))


def _font_file(bold: bool) -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{'-Bold' if bold else ''}.ttf"


@functools.cache
def _drawable() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(_font_file(bold=False))).get_charmap())


def _shown(text: str) -> str:
    """A text in characters that the font has."""
    return "".join(letter if ord(letter) in _drawable() else _BOX for letter in text)
