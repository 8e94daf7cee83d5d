"""How much of a training's time the loop waits for batches, with the vectors of frames in the cache.

The network is VTSUM's (width 768, TT + CA + LA, no text). Baseline: the same loop with all batches
in memory, which waits for nothing. Goal: the loop is busy for at least 0.95 of its time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.summarizers.vtsum import Vtsum, VtsumConfig
from schemas.configuration.config import FrameConfig
from schemas.configuration.model_config import TransformersClip
from schemas.configuration.train_config import TrainingSection
from schemas.repository import DATA
from training.collate import Batch, Collator, pad
from training.examples import Example
from training.features import Features
from training.fit import fit
from training.loop import Data

WIDTH = 768


class _Read(Collator):
    """Reads the vectors when the batch is made, as trainings do, or takes them from memory."""

    def __init__(self, features: Features, memory: dict[str, Any] | None) -> None:
        super().__init__()
        self._features, self._memory = features, memory

    def __call__(self, items: Sequence[Example]) -> Batch:
        vectors = [self._features.read(each) if self._memory is None else self._memory[each.id] for each in items]
        padded = pad(vectors)
        labels = pad([each.labels[0] for each in items]).values
        return {"features": padded.values, "mask": padded.mask, "labels": labels}


def measure(videos: int, frames: int, batch: int, workers: int) -> dict[str, float]:
    """The busy share with the cache and with memory, and the seconds of both."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tower = TransformersClip(engine="transformers", model=str(DATA / "demo" / "clip"))
        features = Features(folder / "features", tower, FrameConfig())
        examples = [_example(features, number, frames) for number in range(videos)]
        memory = {example.id: features.read(example) for example in examples}
        found: dict[str, float] = {}
        for kind, held in (("memory", memory), ("cache", None)):
            settings = TrainingSection(epochs=1, batch=batch, workers=workers, patience=None)
            torch.manual_seed(0)
            data = Data(examples, None, _Read(features, held))
            made = fit(Vtsum(VtsumConfig()), data, settings, folder / kind)
            found |= {f"busy_{kind}": round(made.busy, 4), f"seconds_{kind}": round(made.seconds, 2)}
        return found


def _example(features: Features, number: int, frames: int) -> Example:
    random = np.random.default_rng(number)
    made = Example(
        id=f"v{number}",
        split="train",
        duration=float(frames),
        seconds=np.arange(frames, dtype=np.float64),
        labels=(random.random((1, frames)) < 0.15).astype(np.float32),
        video_sha256=f"{number:064x}",
    )
    path = features.path(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, random.standard_normal((frames, WIDTH)).astype(np.float32))
    return made


def main() -> None:
    """Measure, and print a line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks training_data", description=__doc__)
    parser.add_argument("--videos", type=int, default=128)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="no effect: the result is a line of JSON always")
    given = parser.parse_args()
    print(json.dumps({**measure(given.videos, given.frames, given.batch, given.workers), "goal_busy": 0.95}))


if __name__ == "__main__":
    main()
