"""The nouns of an evaluation: references of videos, predictions for them, systems, cases and the evaluated result.

Everything of one video lies on one grid of frames. Arrays are never written to. Letters in shapes: `A` annotators,
`T` frames of the grid (1 fps for Instruct-V2Xum and VideoXum, every 15th frame for TVSum and SumMe), `N` frames of the
whole video, `S` shots.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.documents.evaluation import Evaluation, Problem, ScoreSource, SystemKind, VideoValues

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FullLength:
    """The whole video behind a grid, for summaries that consist of shots.

    `frames`: N. `picks` (T,): for each frame of the grid its frame number in the video, ascending. `shots` (S, 2):
    first and last frame, both inclusive, in order. `selections` (A, N): the annotators' summaries; None where they only
    rated.
    """

    frames: int
    picks: Ints
    shots: Ints
    selections: Flags | None = None


class TimedSentence(NamedTuple):
    """A sentence about the seconds from `start` to `end` of a video."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What people (or the makers of a dataset) say about one video.

    `frames`: T. `fps`: frames of the grid in one second. `scores` (A, T): the importance that each annotator gave.
    `selections` (A, T): the frames that each annotator chose. `texts`: reference summaries without time marks. `group`:
    what must not be split between training and test, such as a channel; None means the video alone. `split`: as
    published. `aliases`: other names that published files give the video, such as `video_1`. `pictures`: JPEG by frame
    of the grid, for keyframes that have a picture. `sentences`: those of the text, where each has its time.
    `by_models`: whether the annotators are models.
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
    aliases: tuple[str, ...] = ()
    pictures: dict[int, bytes] = field(default_factory=dict)
    sentences: tuple[TimedSentence, ...] = ()
    by_models: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a system says about one video, on the grid of its reference.

    `scores` (T,): importance, on any scale; `score_source`: where the scores come from. `selected` (T,): the frames
    that the system itself chose. `text`: its summary without time marks. `failure`: why the prediction cannot be
    scored; such a prediction counts with the worst value of every metric (the rule is in evaluation/units.py).
    """

    id: str
    scores: Floats | None = None
    score_source: ScoreSource | None = None
    selected: Flags | None = None
    text: str | None = None
    failure: str | None = None


class References(NamedTuple):
    """The references that a reader could use, and the problems of the others, which are left out."""

    items: tuple[Reference, ...]
    problems: tuple[Problem, ...]


class Predictions(NamedTuple):
    """The predictions of a file in its order, and the problems of those that were read only in part (they count)."""

    items: tuple[Prediction, ...]
    problems: tuple[Problem, ...]


class System(NamedTuple):
    """What is evaluated: a name, and the predictions of one run or of several runs.

    `kind`: what a row for comparison is. Such rows are never the best, and their failures are not counted.
    """

    name: str
    runs: tuple[Predictions, ...]
    kind: SystemKind = "system"


class Case(NamedTuple):
    """One video of one system: reference, prediction and values. The evaluation's document has only the values."""

    reference: Reference
    prediction: Prediction
    values: VideoValues


class Evaluated(NamedTuple):
    """The document of an evaluation, and the cases of every system's first run by the system's name."""

    evaluation: Evaluation
    cases: dict[str, list[Case]]


def check_shots(shots: Ints, frames: int) -> None:
    """Raise ValueError unless the shots (S, 2) lie within the video, in order, without overlap."""
    if shots.ndim != 2 or shots.shape[1] != 2:
        raise ValueError(f"shots of shape {shots.shape}")
    if not shots.size:
        return
    flat = shots.ravel()
    if flat[0] < 0 or flat[-1] >= frames or (shots[:, 1] < shots[:, 0]).any() or (shots[1:, 0] <= shots[:-1, 1]).any():
        raise ValueError(f"shots must lie in order within {frames} frames")
