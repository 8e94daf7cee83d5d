"""The named protocols: all choices that decide what a number means. Every result contains the choices of its protocol.

Numbers of different protocols cannot be compared. docs/results/protocols.md shows what the choices do to the same
scores on the same annotations.

A variant changes one choice of a protocol. Its name follows the protocol's after a plus sign:
`summe/per-annotator+mean-f1`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, NamedTuple

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
    - `failure`: what a prediction that cannot be scored gets. `unanswered`: what an answer gets that has no value where
      another answer has one.
    - `selection_as_scores`: a prediction without scores has score 1 for chosen frames and 0 for others.
    - `frames_limit`: frames beyond this number are ignored; None: there is no limit.
    - `vt_frames`: the vectors whose mean VT-CLIPScore takes, see crossmodal.CrossModalOptions.
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
    unanswered: Literal["worst"] = "worst"
    selection_as_scores: bool = True
    frames_limit: int | None = None
    vt_frames: Literal["unit", "raw"] = "unit"
    metrics: tuple[Metric, ...] = METRICS

    def choices(self) -> dict[str, str | int | float | bool | None]:
        """Every choice by its name, for the provenance of a result; without those of CrossModalOptions."""
        other = ("name", "purpose", "metrics", "vt_frames")
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in other}

    @property
    def several_annotators(self) -> bool:
        """Whether the protocol is for several annotators' choices: a release then gives those of its annotators."""
        return self.name.startswith("videoxum")

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
LATER_CHOICES = {"clip_vt_frames": "unit", "unanswered": "left_out"}
"""The value of each choice that older results were made under and do not state."""


class Variant(NamedTuple):
    """A named change of a protocol. `changes`: the fields of Protocol that it sets."""

    name: str
    purpose: str
    changes: Mapping[str, Any]


VARIANTS: tuple[Variant, ...] = (
    Variant("mean-f1", "F1 is the mean over the annotators, as some SumMe tables have it.", {"overlap_over": "mean"}),
    Variant(
        "max-f1", "F1 of the best annotator, as VideoXum's code prints it beside the mean.", {"overlap_over": "max"}
    ),
    Variant(
        "raw-vt",
        "VT-CLIPScore on the mean of the frames' vectors as the CLIP gives them, as VideoXum's code computes it.",
        {"vt_frames": "raw"},
    ),
)
VARIANT_NAMES = tuple(variant.name for variant in VARIANTS)


def get(name: str) -> Protocol:
    """The protocol with exactly this name, with its variants.

    The protocol's own name has the variants in the order of `VARIANTS`. Raises ConfigError, which suggests the nearest
    name, for an unknown name, for a variant that changes nothing, and for two that change the same choice.
    """
    base, *asked = name.split("+")
    protocol = _known(base)
    for word in asked:
        if word not in VARIANT_NAMES:
            raise ConfigError(
                f"no variant is called {word[:100]!a}: {_hint(word, VARIANT_NAMES)}there are "
                f"{', '.join(VARIANT_NAMES)}, written as {base}+{VARIANT_NAMES[0]}"
            )
    changes: dict[str, Any] = {}
    for variant in VARIANTS:
        if variant.name not in asked:
            continue
        if asked.count(variant.name) > 1 or changes.keys() & variant.changes.keys():
            raise ConfigError(f"{name[:200]!a} changes the same choice twice: give one variant of each choice")
        if all(getattr(protocol, field) == value for field, value in variant.changes.items()):
            raise ConfigError(f"{base} is {variant.name} already: name it without +{variant.name}")
        changes |= variant.changes
    if not changes:
        return protocol
    kept = [variant for variant in VARIANTS if variant.name in asked]
    return replace(
        protocol,
        name="+".join([base, *(variant.name for variant in kept)]),
        purpose=" ".join([protocol.purpose, *(variant.purpose for variant in kept)]),
        **changes,
    )


def _known(name: str) -> Protocol:
    for protocol in PROTOCOLS:
        if protocol.name == name:
            return protocol
    raise ConfigError(f"no protocol is called {name[:100]!a}: {_hint(name, NAMES)}there are {', '.join(NAMES)}")


def _hint(name: str, known: tuple[str, ...]) -> str:
    asked = name[:100].lower()
    begins = [one for one in known if asked and one.startswith(asked)]
    near = begins or difflib.get_close_matches(asked, known, n=1, cutoff=0.4)
    return f"did you mean {near[0]!r}? " if near else ""
