"""Uses every function of the Python API with types: `make check` reads it under mypy --strict, as users' code is read.

`assert_type` fails where a type is another one, or Any. Nothing here is meant to be run: it is checked, not executed.
"""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

import v2xum
from schemas.configuration.config import CurateConfig
from schemas.documents.evaluation import Evaluation
from schemas.documents.status import Explanation, WorkspaceStatus
from schemas.records import Caption, SampleScores


def read(path: str) -> float | None:
    """A workspace, its samples and its videos."""
    workspace = v2xum.Workspace(path)
    assert_type(workspace.status(), WorkspaceStatus)
    assert_type(workspace.config(), CurateConfig)
    assert_type(workspace.explain("id"), Explanation)
    assert_type(workspace.to_pandas("videos"), pd.DataFrame)
    for video in workspace.videos(state=["rejected", "retryable"], sort="score"):
        assert_type(video.reason, str | None)
    samples = workspace.samples()
    assert_type(samples[:3], v2xum.Samples)
    sample = samples["id"]
    assert_type(sample.keyframes, tuple[v2xum.Keyframe, ...])
    assert_type(sample.image(sample.keyframes[0].index), Image.Image)
    assert_type(sample.scores, SampleScores)
    return sample.scores.support


def make(config: Path) -> v2xum.Workspace:
    """A run."""
    try:
        return v2xum.curate(config, ["videos", Path("more")], settings={"frames.fps": 2}, max_hours=8)
    except v2xum.RunStopped as stopped:
        assert_type(stopped, v2xum.RunStopped)
        raise


def look(film: Path) -> NDArray[np.uint8]:
    """One film."""
    frames = v2xum.sample_frames(film, fps=0.5)
    for caption in v2xum.caption(frames, "config.yaml"):
        assert_type(caption, Caption)
    summary = v2xum.summarize(film, model="model", out="out")
    assert_type(summary.scores, NDArray[np.float32] | None)
    assert_type(summary.keyframes, tuple[float, ...])
    assert_type(frames[0], v2xum.SampledFrame)
    return frames.array()


def judge(release: str) -> pd.DataFrame:
    """An evaluation on a release."""
    loaded = v2xum.load_release(release, "0.1.0")
    assert_type(loaded.to_pandas("full", split="test"), pd.DataFrame)
    assert_type(loaded.splits, dict[str, int])
    result = v2xum.evaluate({"a": "a.jsonl", "b": [{"id": "x", "text": "A film."}]}, loaded.path, split="test")
    assert_type(result.document, Evaluation)
    return result.to_pandas()
