"""Checkpoints as `v2xum train` writes them, of untrained models of a few weights over the demo's CLIP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.identity import features_name, tower_name
from models.summarizers.checkpoint import MARK, STATED, Stated
from schemas.configuration.config import FrameConfig
from schemas.configuration.model_config import EmbedderConfig, NgramEmbedder, TransformersClip
from schemas.configuration.train_config import TrainConfig
from schemas.repository import DATA
from training.checkpoints import mark_finished
from training.examples import Example
from training.recipe import Recipe, recipe_of

TOWER = TransformersClip(engine="transformers", model=str(DATA / "demo" / "clip"))
KINDS: dict[str, dict[str, Any]] = {
    "vtsum": {"hidden_size": 16, "heads": 2, "inner_size": 32, "share": 0.3, "text": None},
    "v2xum": {
        "language_model": {"width": 16, "layers": 1, "heads": 2, "vocabulary": 300},
        "slots": 10,
        "answer_tokens": 24,
    },
}


class Drawn:
    """Vectors of the demo's CLIP for any video: those that are given, else random ones."""

    reads_speech = False

    def __init__(self, given: Any = None) -> None:
        self.given = given

    def read(self, example: Example) -> Any:
        if self.given is not None:
            return self.given
        return np.random.default_rng(example.frames).normal(size=(example.frames, 64)).astype(np.float32)


def example(frames: int) -> Example:
    labels = np.zeros((1, frames), np.float32)
    labels[:, ::4] = 1
    text = "A dog runs."
    return Example("a", "train", frames, np.arange(float(frames)), labels, ("a dog",) * frames, text, (((0, 4), text),))


def recipe(kind: str, vectors: Any = None, speech: EmbedderConfig | None = None, **section: Any) -> Recipe:
    features = {"tower": TOWER, "speech": speech}
    said = {"name": kind, "summarizer": {"kind": kind, **KINDS[kind], **section}, "features": features}
    return recipe_of(TrainConfig.model_validate(said), Drawn(vectors))  # type: ignore[arg-type]


def checkpoint(folder: Path, kind: str, fps: float = 1.0, speech: NgramEmbedder | None = None, **section: Any) -> Path:
    """Write one into `folder`; with `speech`, one that reads what is said by the vectors of this embedder."""
    torch.manual_seed(0)
    wide = np.zeros((9, 64 + speech.dimensions), np.float32) if speech is not None else None
    made = recipe(kind, wide, speech, **section)
    made.build([example(9)]).save_pretrained(folder)
    made.save_also(folder)
    stated = {"config": made.config.model_dump(mode="json"), "sampling": {"fps": fps}}
    state(folder, stated, features_name(TOWER, speech))
    return folder


def state(folder: Path, stated: dict[str, Any], features: str | None = None) -> None:
    """Write how the checkpoint was made."""
    (folder / MARK).unlink(missing_ok=True)
    (folder / STATED).write_text(
        Stated(config=stated["config"], sampling=FrameConfig(**stated["sampling"])).model_dump_json()
    )
    mark_finished(folder, {"features": features or tower_name(TOWER)})


def stated_in(folder: Path) -> dict[str, Any]:
    """How the checkpoint was made."""
    read: dict[str, Any] = json.loads((folder / STATED).read_text())
    return read
