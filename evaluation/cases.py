"""What is compared: references of videos and predictions for them, on one grid of frames a video.

Arrays are never written to. `A` annotators, `T` frames of the grid (1 fps for Instruct-V2Xum and VideoXum, every 15th
frame for TVSum and SumMe), `N` frames of the whole video, `S` shots.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.evaluation import ScoreSource

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
