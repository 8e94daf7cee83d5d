"""Simulates how often the 95 % intervals of metrics hold the truth: one run or several, few videos or many.

    python -m benchmarks coverage [--out docs/results] [--samples 1000] [--json]

Baseline: the plain hierarchical bootstrap, which draws runs and videos with replacement and takes the percentiles.
`--out` writes the page intervals.md. Every sample is a system with R runs on the same V videos. On the logit scale of
its unit a value is

    mean + video (sd 0.8) + run (sd 0, 0.1 or 0.4) + rest (sd 0.4)

The truth is the mean over all videos and all runs. `of a corpus` is a ratio of sums, as in BLEU, where videos with
higher values also weigh more.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from evaluation.cases import Floats
from evaluation.uncertainty.bootstrap import Statistic, corpus_of, intervals, mean_of
from evaluation.uncertainty.metric_intervals import span_of

RUNS, VIDEOS, SPREADS, KINDS = (1, 2, 3, 5), (10, 20, 50), (0.0, 0.1, 0.4), ("fraction", "correlation", "of a corpus")
_VIDEO, _REST = 0.8, 0.4
_MEANS = {"fraction": -0.8, "correlation": 0.3, "of a corpus": -0.5}
_WEIGHT = 0.5  # how fast a video's weight in the corpus grows with its value
_BATCH, _DRAWS = 100, 1_000


class Coverage(NamedTuple):
    """The shares of samples whose interval holds the truth, and the median widths: ours, and of the plain bootstrap.

    `outside`: how many intervals left the range of their unit.
    """

    kind: str
    runs: int
    videos: int
    spread: float
    held: float
    width: float
    plain_held: float
    plain_width: float
    outside: int


def coverage(kind: str, runs: int, videos: int, spread: float, samples: int, seed: int = 0) -> Coverage:
    """Simulate one case. `spread`: the standard deviation of runs on the logit scale."""
    rng = np.random.default_rng([seed, KINDS.index(kind), runs, videos, round(100 * spread)])
    truth = _truth(kind, spread)
    span = span_of("correlation" if kind == "correlation" else "fraction")
    ends: list[tuple[float, float]] = []
    plain: list[tuple[float, float]] = []
    for start in range(0, samples, _BATCH):
        tables = [_sample(kind, runs, videos, spread, rng) for _ in range(min(_BATCH, samples - start))]
        ends += [(found.low, found.high) for found in intervals(tables, int(rng.integers(2**31)))]
        plain += [_plain(table, rng) for table in tables]
    ours, theirs = np.array(ends), np.array(plain)
    return Coverage(
        kind, runs, videos, spread,
        held=float(((ours[:, 0] <= truth) & (truth <= ours[:, 1])).mean()),
        width=float(np.median(ours[:, 1] - ours[:, 0])),
        plain_held=float(((theirs[:, 0] <= truth) & (truth <= theirs[:, 1])).mean()),
        plain_width=float(np.median(theirs[:, 1] - theirs[:, 0])),
        outside=int(((ours[:, 0] < span.lowest) | (ours[:, 1] > span.highest)).sum()),
    )  # fmt: skip


def study(samples: int, seed: int = 0) -> list[Coverage]:
    """Every case; with one run there is no spread between runs."""
    cases = product(KINDS, RUNS, SPREADS, VIDEOS)
    return [coverage(k, r, v, s, samples, seed) for k, r, s, v in cases if r > 1 or s == 0]


def page(found: list[Coverage], samples: int) -> str:
    """The page in Markdown."""
    several = [one for one in found if one.runs > 1]
    lines = [
        "# How often intervals hold the truth",
        "",
        f"`v2xum bench coverage --out docs/results` writes this page: {samples:,} simulated systems a row, so a share "
        f"has a standard error of about {np.sqrt(0.95 * 0.05 / samples):.3f}. An interval of 95 % should hold "
        "the truth in 0.95 of them.",
        "",
        "- **held, width**: the intervals of `v2xum evaluate` (evaluation/uncertainty), and their median width.",
        "- **plain**: a hierarchical bootstrap that draws runs and videos with replacement and takes the percentiles.",
        "- **spread**: the standard deviation between runs on the logit scale, where that between videos is "
        f"{_VIDEO} and the rest {_REST}.",
        "- **of a corpus**: a ratio of sums over videos, such as BLEU.",
        "",
        f"Over all rows with several runs: between {min(o.held for o in several):.3f} and "
        f"{max(o.held for o in several):.3f}, mean {np.mean([o.held for o in several]):.3f}; plain: between "
        f"{min(o.plain_held for o in several):.3f} and {max(o.plain_held for o in several):.3f}. With one run: between "
        f"{min(o.held for o in found if o.runs == 1):.3f} and {max(o.held for o in found if o.runs == 1):.3f}. "
        f"Intervals that left the metric's range: {sum(o.outside for o in found)} of {samples * len(found):,}.",
        "",
        "Two runs say little about the spread between runs. Their interval is wide where the runs differ more than "
        "chance in the videos explains. A third run makes it much shorter.",
    ]
    for kind in KINDS:
        lines += ["", f"## {kind[0].upper()}{kind[1:]}", "", "| runs | spread | videos | held | width | plain held | "
                  "plain width |", "|---|---|---|---|---|---|---|"]  # fmt: skip
        lines += [
            f"| {o.runs} | {o.spread:g} | {o.videos} | {o.held:.3f} | {o.width:.3f} | {o.plain_held:.3f} | "
            f"{o.plain_width:.3f} |"
            for o in found
            if o.kind == kind
        ]
    return "\n".join([*lines, ""])


def _sample(kind: str, runs: int, videos: int, spread: float, rng: np.random.Generator) -> Statistic:
    of_video = rng.normal(0, _VIDEO, videos)
    logits = _MEANS[kind] + of_video + rng.normal(0, spread, (runs, 1)) + rng.normal(0, _REST, (runs, videos))
    if kind == "correlation":
        return mean_of(np.tanh(logits / 2), span_of("correlation"))
    if kind == "fraction":
        return mean_of(expit(logits), span_of("fraction"))
    length = np.broadcast_to(np.exp(_WEIGHT * of_video), logits.shape)
    return corpus_of(np.stack([length * expit(logits), length], axis=-1), _ratio, span_of("fraction"))


def _ratio(sums: Floats) -> Floats:
    quotient: Floats = sums[..., 0] / sums[..., 1]
    return quotient


def _truth(kind: str, spread: float) -> float:
    """The mean over all videos and runs, by Gauss-Hermite quadrature. Weights shift the mean of a normal variable."""
    points, weights = np.polynomial.hermite_e.hermegauss(101)
    mean = _MEANS[kind] + (_WEIGHT * _VIDEO**2 if kind == "of a corpus" else 0.0)
    logits = mean + points * np.sqrt(_VIDEO**2 + spread**2 + _REST**2)
    values = np.tanh(logits / 2) if kind == "correlation" else expit(logits)
    return float(values @ weights / weights.sum())


def _plain(statistic: Statistic, rng: np.random.Generator) -> tuple[float, float]:
    runs, videos, _ = statistic.sums.shape
    of_videos = rng.multinomial(videos, np.full(videos, 1 / videos), _DRAWS).astype(np.float64)
    values = statistic.at(np.einsum("dv,rvk->drk", of_videos, statistic.sums, optimize=True))
    drawn = rng.multinomial(runs, np.full(runs, 1 / runs), _DRAWS) / runs
    low, high = np.quantile((values * drawn).sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Run the simulation and print the cases as one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="v2xum bench coverage", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="write intervals.md here")
    parser.add_argument("--samples", type=int, default=1000, help="simulated systems for each case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one line of JSON, which is also the default")
    options = parser.parse_args()
    found = study(options.samples, options.seed)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "intervals.md").write_text(page(found, options.samples), encoding="utf-8")
    json.dump([one._asdict() for one in found], sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
