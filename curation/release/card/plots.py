"""The plots of a card: which there are, what they show, and the words for readers who cannot see them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from curation.release.card import drawing, published
from curation.release.card.drawing import Bar, Line, Range
from curation.release.card.figures import Distribution, Figures
from curation.release.card.statements import percent
from pages.plots import nice_ticks
from schemas.documents.review_report import Agreement, Estimate
from schemas.kit.number_of import number_of
from schemas.manifest import Manifest
from schemas.safe_text import plain

FOLDER = "plots"
_BARS, _NAMES, _LONGEST_NAME = 25, 10, 28
_NONE_STATED = "(none stated)"


class Plot(NamedTuple):
    """A picture of the card: its path in the release, its heading, and what it shows in words."""

    path: str
    heading: str
    said: str


class _Drawn(NamedTuple):
    name: str
    heading: str
    said: str
    png: bytes


def draw_plots(folder: Path, manifest: Manifest, figures: Figures, agreement: Agreement) -> list[Plot]:
    """Draw every plot that has something to show into `folder`/plots, and return them in the order of the card."""
    drawn = [
        _histogram(
            "duration",
            "Duration of the videos",
            figures.duration,
            "seconds",
            [
                Line(figures.duration.mean, f"mean {figures.duration.mean:,.1f} s"),
                Line(published.MEAN_DURATION, "mean of Instruct-V2Xum: 183 s (40 to 940 s)", theirs=True),
            ],
        ),
        _histogram(
            "ratio",
            "Summarization ratio",
            figures.ratio,
            "keyframes / sampled frames, in percent",
            [
                Line(figures.ratio.mean, f"mean of the ratios: {percent(figures.ratio.mean, 2)}"),
                Line(figures.ratio_of_means, f"ratio of the means: {percent(figures.ratio_of_means, 2)}", second=True),
                Line(published.RATIO, "Instruct-V2Xum: 16.39 %", theirs=True),
            ],
            form=lambda value: f"{100 * value:.4g}",
        ),
        _histogram(
            "keyframes",
            "Keyframes of a video",
            figures.keyframes,
            "keyframes",
            [
                Line(figures.keyframes.mean, f"mean {figures.keyframes.mean:,.1f}"),
                Line(published.KEYFRAMES, "mean of Instruct-V2Xum: 30", theirs=True),
            ],
            whole=True,
        ),
        _histogram(
            "words",
            "Words of the text summary",
            figures.words,
            "words, separated by white space",
            [Line(figures.words.mean, f"mean {figures.words.mean:,.1f}")],
            whole=True,
        ),
        _histogram(
            "tokens",
            "Tokens of the text summary",
            figures.tokens,
            "words and punctuation marks",
            [
                Line(figures.tokens.mean, f"mean {figures.tokens.mean:,.1f}"),
                Line(published.TOKENS, "mean of Instruct-V2Xum: 239, by a tokenizer not stated", theirs=True),
            ],
            whole=True,
        ),
        _counts("languages", "Languages that publishers state", manifest.languages),
        _counts("licences", "Licences that publishers state", manifest.licences),
        _audit(figures),
        _agreement(agreement),
    ]
    (folder / FOLDER).mkdir()
    made = [each for each in drawn if each is not None]
    for each in made:
        (folder / FOLDER / f"{each.name}.png").write_bytes(each.png)
    return [Plot(f"{FOLDER}/{each.name}.png", each.heading, each.said) for each in made]


def _histogram(
    name: str,
    heading: str,
    values: Distribution,
    unit: str,
    lines: Sequence[Line],
    *,
    whole: bool = False,
    form: Callable[[float], str] = "{:,.5g}".format,
) -> _Drawn | None:
    """A histogram from 0 on. Few values far beyond the others are counted in words, so that the others can be seen."""
    if not values.count:
        return None
    bulk = values.quantile(0.99)
    top = values.most if values.most <= 1.5 * bulk else 1.25 * bulk
    near = [line.at for line in lines if line.at <= 2 * top]
    step, _ = nice_ticks(max([top, *near]) or 1.0, _BARS)
    step = max(step, 1.0) if whole else max(step, values.step)
    low = -step / 2 if whole and step == 1 else 0.0
    bars = math.floor((max([top, *near]) - low) / step + 1e-9) + 1
    edges = [low + place * step for place in range(bars + 1)]
    beyond = values.count - sum(counts := values.bars(low, step, bars))
    label = f"{unit}; {beyond:,} beyond {form(edges[-1])} not shown" if beyond else unit
    png = drawing.histogram(heading, label, edges=edges, counts=counts, lines=lines, form=form)
    said = (
        f"Histogram of {number_of(values.count, 'video')}: median {form(values.quantile(0.5))}, middle half "
        f"{form(values.quantile(0.25))} to {form(values.quantile(0.75))}, from {form(values.least)} to "
        f"{form(values.most)} ({unit}). {'; '.join(line.name for line in lines)}."
    )
    return _Drawn(name, heading, said, png)


def _counts(name: str, heading: str, counts: Mapping[str, int]) -> _Drawn | None:
    """The most frequent names as bars; the others together."""
    if not counts:
        return None
    rows = sum(counts.values())
    ordered = [(plain(text, _LONGEST_NAME) or _NONE_STATED, count) for text, count in counts.items()]
    shown, rest = ordered[:_NAMES], ordered[_NAMES:]
    if rest:
        shown.append((f"{len(rest)} others", sum(count for _, count in rest)))
    named = [Bar(text, count, f"{count:,} ({percent(count / rows)})") for text, count in shown]
    said = f"Bars: {'; '.join(f'{bar.name} {bar.text}' for bar in named)}."
    return _Drawn(name, heading, said, drawing.bars(heading, named, "videos"))


def _audit(figures: Figures) -> _Drawn | None:
    """Scores between 0 and 1 as they are; the judge's marks of 1 to 5 on the same axis."""
    named = []
    for name, values in figures.scores.items():
        places = [values.quantile(share) for share in (0.05, 0.25, 0.5, 0.75, 0.95)]
        text = f"{places[2]:.2f}"
        if name == "judge":
            places = [(place - 1) / 4 for place in places]
            text += " of 5"
        named.append(Range(name.replace("_", " "), places[2], places[0], places[4], text, (places[1], places[3])))
    if not named:
        return None
    heading, low = "Scores of the automatic audit", min(0.0, *(one.low for one in named))
    said = (
        "Medians (dot, number), middle halves (thick) and middle 90 % (thin): "
        f"{'; '.join(f'{one.name} {one.text}' for one in named)}."
    )
    return _Drawn("audit", heading, said, drawing.ranges(heading, named, "score", low=low, high=1.0))


def _agreement(agreement: Agreement) -> _Drawn | None:
    """How far people agree; texts by their likeness, 1 - distance, so that more is better on every line."""
    named = []
    for name, estimate, turned in (
        ("verdicts, alpha", agreement.verdict_alpha, False),
        ("ratings, alpha", agreement.rating_alpha, False),
        ("keyframes, F1", agreement.keyframe_f1, False),
        ("captions, likeness", agreement.caption_distance, True),
        ("summaries, likeness", agreement.summary_distance, True),
    ):
        value, low, high = _interval(estimate, turned=turned)
        if value is not None:
            named.append(Range(name, value, low, high, f"{value:.2f}"))
    if not named:
        return None
    heading, least = "Agreement of people on the same video", min(0.0, *(one.low for one in named))
    said = "Values with 95 % intervals: " + "; ".join(
        f"{one.name} {one.text} ({one.low:.2f} to {one.high:.2f})" for one in named
    )
    return _Drawn(
        "agreement", heading, f"{said}.", drawing.ranges(heading, named, "1 is full agreement", low=least, high=1.0)
    )


def _interval(estimate: Estimate, *, turned: bool) -> tuple[float | None, float, float]:
    """Value, low and high; without an interval both ends are the value. `turned`: of 1 - the figure."""
    if estimate.value is None:
        return None, 0.0, 0.0
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return (1 - estimate.value, 1 - high, 1 - low) if turned else (estimate.value, low, high)
