"""What is compared: references of videos and predictions for them, on one grid of frames a video.

Arrays are never written to. `A` annotators, `T` frames of the grid (1 fps for Instruct-V2Xum and VideoXum, every 15th
frame for TVSum and SumMe), `N` frames of the whole video, `S` shots.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.evaluation import Evaluation, Problem, ScoreSource, VideoValues

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FullLength:
    """The whole video behind a grid, for summaries that consist of shots.

    `picks` (T,): the frame of the video that each frame of the grid is, ascending. `shots` (S, 2): first and last
    frame, both inclusive, in order. `selections` (A, N): annotators' summaries, None where they only rated.
    """

    frames: int
    picks: Ints
    shots: Ints
    selections: Flags | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What people (or the makers of a dataset) said of one video.

    `frames` is T; `fps` frames of the grid a second. `scores` (A, T): importance as each annotator rated it;
    `selections` (A, T): the frames that each chose. `texts`: reference summaries without time marks. `group`: what must
    not be split between training and test (a channel), None: the video alone. `split`: as published.
    """

    id: str
    frames: int
    fps: float = 1.0
    scores: Floats | None = None
    selections: Flags | None = None
    texts: tuple[str, ...] = ()
    full: FullLength | None = None
    group: str | None = None
    split: str | None = None
    title: str = ""
    pictures: dict[int, bytes] = field(
        default_factory=dict
    )  # JPEG by frame of the grid: keyframes, where there are some


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a system says of one video, on the grid of its reference.

    `scores` (T,): importance, any scale; `score_source` says what they are. `selected` (T,): the frames chosen by the
    system itself. `text`: its summary without time marks. `failure`: why nothing of it can be scored; such a prediction
    counts with the worst value of every metric.
    """

    id: str
    scores: Floats | None = None
    score_source: ScoreSource | None = None
    selected: Flags | None = None
    text: str | None = None
    failure: str | None = None


class System(NamedTuple):
    """What is evaluated: a name, and its predictions in one run or several."""

    name: str
    runs: tuple[Predictions, ...]


class Evaluated(NamedTuple):
    """The document, and the videos behind it by system (of its first run), which the document does not hold."""

    evaluation: Evaluation
    cases: dict[str, list[Case]]


class References(NamedTuple):
    """What a reader found: the references, and what was wrong with others, which are left out."""

    items: tuple[Reference, ...]
    problems: tuple[Problem, ...]


class Case(NamedTuple):
    """One video of one system with everything to look at; the evaluation's document holds neither frames nor texts."""

    reference: Reference
    prediction: Prediction
    values: VideoValues


class Predictions(NamedTuple):
    """What a file holds, in its order, and which outputs could be read in part only (the rest of them counts)."""

    items: tuple[Prediction, ...]
    problems: tuple[Problem, ...]


def check_shots(shots: Ints, frames: int) -> None:
    """Raise ValueError unless shots lie within the video, in order, and do not overlap."""
    if shots.ndim != 2 or shots.shape[1] != 2:
        raise ValueError(f"shots of shape {shots.shape}")
    if not shots.size:
        return
    flat = shots.ravel()
    if flat[0] < 0 or flat[-1] >= frames or (shots[:, 1] < shots[:, 0]).any() or (shots[1:, 0] <= shots[:-1, 1]).any():
        raise ValueError(f"shots must lie in order within {frames} frames")
