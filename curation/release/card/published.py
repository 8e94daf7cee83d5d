"""The published figures of Instruct-V2Xum beside those of a release, with a mark where they differ.

The figures are those of the paper (https://arxiv.org/abs/2404.12353). It does not say whether its ratio is the mean of
the videos' ratios or the ratio of the means; 30 keyframes / 183 frames (183 s at one frame a second) is 16.39 %, so the
ratio of the means is compared with it. Nor does it say which tokenizer counted the tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from curation.release.card.figures import Distribution, Figures
from curation.release.card.statements import percent

PAPER = "https://arxiv.org/abs/2404.12353"
SPLITS = {"train": 25_000, "validation": 1_000, "test": 4_000}
VIDEOS = sum(SPLITS.values())
SHORTEST, LONGEST, MEAN_DURATION = 40.0, 940.0, 183.0  # seconds
RATIO, KEYFRAMES, TOKENS = 0.1639, 30.0, 239.0
TOLERANCE = 0.05  # figures that are nearer than this, relatively, count as the same


class Comparison(NamedTuple):
    """A figure of the release beside the published one: texts to show, and how they differ.

    `mark` is empty where the figures are the same within `TOLERANCE`; else it says by how much they differ.
    """

    what: str
    ours: str
    published: str
    mark: str
    note: str = ""

    @property
    def differs(self) -> bool:
        """Whether the figures differ."""
        return bool(self.mark)


def compare(figures: Figures, splits: Mapping[str, int]) -> list[Comparison]:
    """The comparisons, in the order of the card. `splits`: rows by split."""
    rows = sum(splits.values())
    shown = [Comparison("videos", f"{rows:,}", f"{VIDEOS:,}", _mark(rows, VIDEOS))]
    for name, published in SPLITS.items():
        share = splits.get(name, 0) / rows if rows else 0.0
        shown.append(
            Comparison(
                f"rows of {name}",
                f"{splits.get(name, 0):,} ({percent(share)})",
                f"{published:,} ({percent(published / VIDEOS)})",
                _mark(share, published / VIDEOS, of=" of the share"),
            )
        )
    return [
        *shown,
        _range(figures.duration),
        Comparison(
            "mean duration", _seconds(figures.duration.mean), "183 s", _mark(figures.duration.mean, MEAN_DURATION)
        ),
        Comparison(
            "ratio, as the ratio of means",
            percent(figures.ratio_of_means, 2),
            "16.39 %",
            _mark(figures.ratio_of_means, RATIO),
            "30 keyframes of 183 frames are 16.39 %, so the published figure seems to be this one",
        ),
        Comparison("ratio, as the mean of ratios", percent(figures.ratio.mean, 2), "not stated apart", ""),
        Comparison("mean keyframes", f"{figures.keyframes.mean:,.1f}", "30", _mark(figures.keyframes.mean, KEYFRAMES)),
        Comparison("mean words of the text summary", f"{figures.words.mean:,.1f}", "not stated", ""),
        Comparison(
            "mean tokens of the text summary",
            f"{figures.tokens.mean:,.1f}",
            "239",
            _mark(figures.tokens.mean, TOKENS),
            "here words and punctuation marks; the published figure's tokenizer is not stated, and one of parts of "
            "words counts more",
        ),
    ]


def _range(duration: Distribution) -> Comparison:
    if not duration.count:
        return Comparison("durations", "none", "40 to 940 s", "")
    short, long = duration.below(SHORTEST), duration.above(LONGEST)
    outside = [f"{short:,} shorter"] * bool(short) + [f"{long:,} longer"] * bool(long)
    ours = f"{duration.least:,.0f} to {_seconds(duration.most)}"
    return Comparison("durations", ours, "40 to 940 s", ", ".join(outside))


def _mark(ours: float, published: float, of: str = "") -> str:
    """By how much a figure differs from the published one, empty within `TOLERANCE`; of a multiple, how often it is."""
    if abs(ours - published) <= TOLERANCE * published:
        return ""
    change = 100 * (ours / published - 1)
    if change >= 100:
        return f"{ours / published:,.1f} times{of.replace(' of', '', 1)}"
    digits = 1 if -100 < change < -99 else 0
    return f"{change:+.{digits}f} %{of}".replace("-", "\u2212")


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 100 else f"{value:,.1f} s"
