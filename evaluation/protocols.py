"""The named protocols: all choices that decide what a number means. Every result contains the choices of its protocol.

Numbers of different protocols cannot be compared. docs/results/protocols.md shows what the choices do to the same
scores on the same annotations.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from typing import Literal

from evaluation.units import KNOWN_UNITS
from schemas.errors import ConfigError

Selection = Literal["own_or_top_share", "upstream_threshold", "knapsack_over_shots"]
Annotation = Literal["scores", "selections"]
On = Literal["grid", "video"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that has one value for each video."""

    name: str
    unit: Literal["fraction", "correlation"]

    @property
    def worst(self) -> float:
        """The value that a failed prediction gets: that of the unit."""
        return KNOWN_UNITS[self.unit].worst


F1 = Metric("f1", "fraction")
PRECISION = Metric("precision", "fraction")
RECALL = Metric("recall", "fraction")
KENDALL = Metric("kendall_tau", "correlation")
SPEARMAN = Metric("spearman_rho", "correlation")
METRICS = (F1, PRECISION, RECALL, KENDALL, SPEARMAN)


@dataclass(frozen=True, slots=True)
class Protocol:
    """The choices that turn predictions and annotations into values.

    - `selection`: where a summary comes from; `share`: the share of the frames that a summary may have.
    - `overlap_on`, `rank_on`: the frames that are compared: those of the grid, or all frames of the video, where a
      score of the grid holds until the grid's next frame.
    - `overlap_over`: the mean over the annotators, or the annotator with the highest F1.
    - `rank_annotation`: the annotators' ratings, or the frames that they chose. `rank_input`: the prediction's scores,
      or its summary. `rank_target`: the mean of the correlations with each annotator, or the correlation with the mean
      of the annotators.
    - `undefined`: whether a value that no answer has is left out or counts as 0 (evaluation/units.py has the rule).
      Where a value exists for some annotators only, `left_out` leaves out the others.
    - `empty`: the rule for empty selections, see overlap.with_empty_rule.
    - `failure`: what a prediction that cannot be scored gets.
    - `selection_as_scores`: a prediction without scores has score 1 for chosen frames and 0 for others.
    - `frames_limit`: frames beyond this number are ignored; None: there is no limit.
    """

    name: str
    purpose: str
    selection: Selection
    overlap_on: On
    overlap_over: Literal["mean", "max"]
    rank_annotation: Annotation
    rank_input: Literal["scores", "summary"]
    rank_target: Literal["each_annotator", "mean_of_annotators"]
    rank_on: On
    share: float = 0.15
    undefined: Literal["left_out", "zero"] = "left_out"
    empty: Literal["zero", "selection_zero"] = "selection_zero"
    failure: Literal["worst"] = "worst"
    selection_as_scores: bool = True
    frames_limit: int | None = None
    metrics: tuple[Metric, ...] = METRICS

    def choices(self) -> dict[str, str | int | float | bool | None]:
        """Every choice by its name, for the provenance of a result."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("name", "purpose", "metrics")}

    @property
    def whole_video(self) -> bool:
        """Whether the protocol needs all frames of the video, and not the grid alone."""
        return "video" in (self.overlap_on, self.rank_on)


PROTOCOLS: tuple[Protocol, ...] = (
    Protocol(
        "videoxum",
        "VideoXum, and whatever has several annotators' choices of frames at 1 fps; the top 15 % exactly.",
        selection="own_or_top_share",
        overlap_on="grid",
        overlap_over="mean",
        rank_annotation="selections",
        rank_input="scores",
        rank_target="mean_of_annotators",
        rank_on="grid",
    ),
    Protocol(
        "videoxum-upstream",
        "Only for comparing with published VideoXum rows: its code's accidental threshold, NaN as 0, 512 frames.",
        selection="upstream_threshold",
        overlap_on="grid",
        overlap_over="mean",
        rank_annotation="selections",
        rank_input="scores",
        rank_target="mean_of_annotators",
        rank_on="grid",
        undefined="zero",
        empty="zero",
        frames_limit=512,
    ),
    Protocol(
        "tvsum/per-annotator",
        "TVSum: scores against each annotator's ratings at 2 fps; F1 of knapsack summaries, mean over annotators.",
        selection="knapsack_over_shots",
        overlap_on="video",
        overlap_over="mean",
        rank_annotation="scores",
        rank_input="scores",
        rank_target="each_annotator",
        rank_on="grid",
    ),
    Protocol(
        "summe/binary-vs-mean",
        "SumMe as CSTA and LLMVS report it: the knapsack summary itself is ranked against the mean of the annotators.",
        selection="knapsack_over_shots",
        overlap_on="video",
        overlap_over="max",
        rank_annotation="selections",
        rank_input="summary",
        rank_target="mean_of_annotators",
        rank_on="video",
    ),
    Protocol(
        "summe/score-vs-mean",
        "SumMe: scores on the sampled frames against the mean of the annotators; the floor of random scores is 0 here.",
        selection="knapsack_over_shots",
        overlap_on="video",
        overlap_over="max",
        rank_annotation="selections",
        rank_input="scores",
        rank_target="mean_of_annotators",
        rank_on="grid",
    ),
    Protocol(
        "summe/per-annotator",
        "SumMe: scores held over all frames against each annotator's choice; the published human row is of this kind.",
        selection="knapsack_over_shots",
        overlap_on="video",
        overlap_over="max",
        rank_annotation="selections",
        rank_input="scores",
        rank_target="each_annotator",
        rank_on="video",
    ),
    Protocol(
        "instruct-v2xum",
        "Instruct-V2Xum and releases of this project: one annotation a video, at 1 fps.",
        selection="own_or_top_share",
        overlap_on="grid",
        overlap_over="mean",
        rank_annotation="selections",
        rank_input="scores",
        rank_target="mean_of_annotators",
        rank_on="grid",
    ),
)
NAMES = tuple(protocol.name for protocol in PROTOCOLS)


def get(name: str) -> Protocol:
    """The protocol with exactly this name. Raises ConfigError, which suggests the nearest name."""
    for protocol in PROTOCOLS:
        if protocol.name == name:
            return protocol
    asked = name[:100].lower()
    begins = [known for known in NAMES if asked and known.startswith(asked)]
    near = begins or difflib.get_close_matches(asked, NAMES, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ConfigError(f"no protocol is called {name[:100]!a}: {hint}there are {', '.join(NAMES)}")
