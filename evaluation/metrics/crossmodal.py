"""Metrics that compare frames and texts in the space of a CLIP: F_CLIP, Cross-F_CLIP and VT-CLIPScore.

With unit vectors of reference frames v, predicted frames v^, reference text t and predicted text t^:

    P = mean over v^ of its greatest cosine to v;  R = mean over v of its greatest cosine to v^
    F_CLIP(v, v^) = 2 P R / (P + R)
    Cross-F_CLIP  = (F_CLIP(v, t^) + F_CLIP(t, v^)) / 2
    VT-CLIPScore  = cosine of the whole predicted text and the normalized mean of the predicted frames

(H. Hua et al., "V2Xum-LLM: cross-modal video summarization with temporal prompt instruction tuning", arXiv 2404.12353;
J. Lin et al., "VideoXum: cross-modal visual and textural summarization of videos", arXiv 2303.12060.) The first two are
V2Xum-LLM's and have no official code; the third is VideoXum's. What the papers do not say is an option here, and all
options go into the provenance of a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from evaluation.cases import Flags, Prediction, Reference
from evaluation.metrics.selection import top_share
from evaluation.units import KNOWN_UNITS
from models.clip import Vectors

UNITS = {"f_clip": "cosine", "cross_f_clip": "cosine", "vt_clipscore": "cosine"}
TextUnit = Literal["sentence", "text"]
NO_REFERENCE = "the reference has no selected frames"
_LARGEST_MEAN = 1.01  # where a mean of cosines is above it, the vectors do not have unit norm


@dataclass(frozen=True, slots=True)
class CrossModalOptions:
    """The choices that the papers leave open. The defaults are what the papers most likely did.

    `clip`: the name of the checkpoint, as in `Clip.name`. `text_unit`: t and t^ have one vector for each sentence, or
    one vector for the whole text. `frames`: v^ are the frames that the system selected, or the share `top` of the
    frames with the highest scores (floor, at least one, ties by time); the latter also where the system selected
    nothing. `failure`: the value of a prediction that is unusable or empty; the default is in evaluation/units.py.
    `vt_frames`: VT-CLIPScore takes the mean of the frames' unit vectors, or of the vectors as the CLIP gives them, in
    which longer vectors count more, as in VideoXum's code (github.com/jylins/videoxum, eval_v2vt_sum.py).

    Cosines are raw: they are not clamped at 0 and not multiplied by 2.5 as in CLIPScore. Where P or R is not above 0,
    the harmonic mean does not exist, and F is the smaller of the two; this is continuous and stays within -1..1. With
    several annotators or reference texts F is the mean over them. Values are averaged over videos.
    """

    clip: str
    text_unit: TextUnit = "sentence"
    frames: Literal["selected", "top"] = "selected"
    top: float = 0.15
    failure: float = KNOWN_UNITS["cosine"].worst
    vt_frames: Literal["unit", "raw"] = "unit"

    def choices(self) -> dict[str, str | int | float | bool | None]:
        """Every choice by its name, for the provenance of a result."""
        return {
            "clip": self.clip,
            "text_unit": self.text_unit,
            "long_text": "mean of the vectors of its sentences, of halves of a sentence that is too long",
            "clip_frames": self.frames,
            "clip_top": self.top,
            "clip_cosine": "raw",
            "clip_clamp": False,
            "clip_scale": 1.0,
            "clip_not_above_zero": "min(P, R)",
            "clip_annotators": "mean",
            "clip_average": "video",
            "clip_failure": self.failure,
            "clip_vt_frames": self.vt_frames,
        }


class Agreement(NamedTuple):
    """P_CLIP, R_CLIP and F_CLIP of two sets of vectors, each in -1..1."""

    precision: float
    recall: float
    f: float


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The unit vectors of one video, of width d. None where the system does not produce frames or text.

    `reference_frames`: (n, d) for each annotator; `predicted_frames` (m, d); `reference_texts`: (s, d) for each
    reference text; `predicted_text` (s, d); `whole_text` (d,): the predicted text as one vector. An empty array is an
    empty prediction. `raw_frames` (m, d): the predicted frames before they got unit norm, for `vt_frames="raw"`.
    """

    reference_frames: Sequence[Vectors] = ()
    predicted_frames: Vectors | None = None
    reference_texts: Sequence[Vectors] = ()
    predicted_text: Vectors | None = None
    whole_text: Vectors | None = None
    raw_frames: Vectors | None = None


class CrossModalValues(NamedTuple):
    """The values of one video by metric, and the reason of each value that is None."""

    values: dict[str, float | None]
    undefined: dict[str, str]


def harmonic(precision: float, recall: float) -> float:
    """2 P R / (P + R); min(P, R) where P or R is not above 0."""
    if min(precision, recall) <= 0:
        return min(precision, recall)
    return 2 * precision * recall / (precision + recall)


def agreement(reference: Vectors, predicted: Vectors) -> Agreement | None:
    """P, R and F of unit vectors (n, d) and (m, d); None where n or m is 0. A zero vector has cosine 0 to all vectors.

    Raises ValueError for different widths, NaN, infinity, and vectors that are clearly longer than 1.
    """
    both = bool(len(reference) and len(predicted))
    if reference.ndim != 2 or predicted.ndim != 2 or (both and reference.shape[1] != predicted.shape[1]):
        raise ValueError(f"vectors of shapes {reference.shape} and {predicted.shape} cannot be compared")
    if not both:
        return None
    with np.errstate(invalid="ignore", over="ignore"):  # checked below
        cosines = reference @ predicted.T
        precision = float(cosines.max(axis=0).mean(dtype=np.float64))
        recall = float(cosines.max(axis=1).mean(dtype=np.float64))
    if not (abs(precision) <= _LARGEST_MEAN and abs(recall) <= _LARGEST_MEAN):  # also for NaN
        raise ValueError("vectors must be finite and of unit norm")
    return Agreement(precision, recall, harmonic(precision, recall))


def f_clip(pairs: Iterable[tuple[Vectors, Vectors]]) -> Iterator[float | None]:
    """F_CLIP of each (reference, predicted) of a stream, one pair in memory at a time. See `agreement`."""
    for reference, predicted in pairs:
        result = agreement(reference, predicted)
        yield None if result is None else result.f


def vt_clipscore(whole_text: Vectors, frames: Vectors) -> float | None:
    """VT-CLIPScore of a text (d,) and frames (m, d) of unit norm or as the CLIP gives them; None without frames.

    The value is 0 where the text is a zero vector or the sum of the frames is 0. Raises ValueError for NaN and
    infinity.
    """
    if not len(frames):
        return None
    mean = frames.mean(axis=0, dtype=np.float64)
    scale = float(np.linalg.norm(mean)) * float(np.linalg.norm(whole_text.astype(np.float64)))
    value = float(mean @ whole_text) / scale if scale > 1e-12 else 0.0
    if not np.isfinite(scale):
        raise ValueError("vectors must be finite")
    return value


def predicted_frames(prediction: Prediction, options: CrossModalOptions) -> Flags | None:
    """The frames (T,) of a prediction's summary; None where it has neither a selection nor scores."""
    if prediction.selected is not None and options.frames == "selected":
        return prediction.selected
    if prediction.scores is None:
        return None
    return top_share(prediction.scores, options.top)


def reference_frames(reference: Reference) -> tuple[Flags, ...]:
    """The frames that each annotator chose; annotators who chose none are left out."""
    return () if reference.selections is None else tuple(row for row in reference.selections if row.any())


def measure(video: Embedded, options: CrossModalOptions) -> CrossModalValues:
    """The three metrics of one video.

    A prediction without any frame or sentence gets `options.failure` where the reference has some. A metric is
    undefined where it needs frames or text that the system does not produce (None) or that the reference does not have.
    Raises ValueError as `agreement` does.
    """
    undefined: dict[str, str] = {}
    values: dict[str, float | None] = {}
    why = _missing(video)
    needs = {
        "f_clip": ("predicted_frames", "reference_frames"),
        "cross_f_clip": ("predicted_frames", "predicted_text", "reference_frames", "reference_texts"),
        "vt_clipscore": ("predicted_frames", "whole_text"),
    }
    for name, needed in needs.items():
        if lacking := [why[part] for part in needed if part in why]:
            values[name], undefined[name] = None, lacking[0]
    v, text = video.predicted_frames, video.predicted_text
    if "f_clip" not in values and v is not None:
        values["f_clip"] = _over(video.reference_frames, v, options)
    if "cross_f_clip" not in values and v is not None and text is not None:
        halves = _over(video.reference_frames, text, options), _over(video.reference_texts, v, options)
        values["cross_f_clip"] = sum(halves) / 2
    if "vt_clipscore" not in values and v is not None and video.whole_text is not None:
        frames = v if options.vt_frames == "unit" else video.raw_frames
        if frames is None:
            raise ValueError("the vectors of the predicted frames before they got unit norm are missing")
        score = vt_clipscore(video.whole_text, frames) if text is None or len(text) else None
        values["vt_clipscore"] = options.failure if score is None else score
    return CrossModalValues({name: values[name] for name in UNITS}, undefined)


def undefined_everywhere(reason: str) -> CrossModalValues:
    """No value for any metric, with the same reason for all."""
    return CrossModalValues(dict.fromkeys(UNITS), dict.fromkeys(UNITS, reason))


def _over(references: Sequence[Vectors], predicted: Vectors, options: CrossModalOptions) -> float:
    each = [agreement(reference, predicted) for reference in references if len(reference)]
    return float(np.mean([options.failure if result is None else result.f for result in each]))


def _missing(video: Embedded) -> dict[str, str]:
    reasons = {
        "predicted_frames": "no frames or scores predicted",
        "predicted_text": "no text predicted",
        "whole_text": "no text predicted",
        "reference_frames": NO_REFERENCE,
        "reference_texts": "the reference has no text",
    }
    missing = {name for name in ("predicted_frames", "predicted_text", "whole_text") if getattr(video, name) is None}
    missing |= {name for name in ("reference_frames", "reference_texts") if not any(map(len, getattr(video, name)))}
    return {name: reason for name, reason in reasons.items() if name in missing}
