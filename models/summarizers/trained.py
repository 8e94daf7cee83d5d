"""A trained summarizer that looks at frames, with its tower: from pictures to keyframes and scores."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.clip import Tower, tower_vectors
from models.identity import name_of, revision_of, tower_name
from models.summarizers.adaptive import adaptive_frames
from models.summarizers.checkpoint import Stated, load, read_stated, require_finished
from models.summarizers.slots import SlotMap
from models.summarizers.v2xum import V2XumForSummarization
from models.summarizers.vtsum import Vtsum
from models.torch_threads import threads, threads_for
from schemas.configuration.model_config import TowerConfig, TrainedExtractor
from schemas.configuration.summarizer_config import V2XumSection, VtsumSection
from schemas.errors import ConfigError


def tower_of(config: TrainedExtractor, fps: float) -> TowerConfig:
    """The tower that a checkpoint was trained with.

    Raises ConfigError for a checkpoint that reads captions or what is said, or is damaged, for a tower whose weights
    changed since, and for another number of frames a second.
    """
    folder, stated = Path(config.model), read_stated(Path(config.model))
    section, kind = stated.config.features, stated.config.summarizer
    tasks = {"v2v"} if isinstance(kind, VtsumSection) else set(kind.tasks) if isinstance(kind, V2XumSection) else set()
    if section is None or tasks.isdisjoint(("v2v", "v2vt")):
        told = f"{folder.name} chooses no frames by their pictures"
        raise ConfigError(f"{told}: name a checkpoint of vtsum, or of v2xum with the task v2v or v2vt")
    if section.speech is not None:
        raise ConfigError(
            f"{folder.name} reads what is said, which models.extractor does not: name a checkpoint that was trained "
            "without features.speech"
        )
    if stated.sampling.fps != fps:
        told = f"{folder.name} was trained on {stated.sampling.fps:g} frames a second, and frames.fps is {fps:g}"
        raise ConfigError(f"{told}: set frames.fps={stated.sampling.fps:g}, or train on a release like this")
    tower = section.tower.model_copy(update={"device": config.device})
    if (trained := require_finished(folder)["features"]) != (now := tower_name(tower)):
        told = f"{folder.name} was trained on vectors of {trained}, and {name_of(tower.model)} gives those of {now}"
        raise ConfigError(f"{told}: put the weights of the training back, or train again")
    return tower


class TrainedSummarizer:
    """V2Xum or VTSUM in this process. Threads may share it: one video runs at a time."""

    def __init__(self, config: TrainedExtractor, tower: Tower) -> None:
        """Load a checkpoint that `tower_of` accepts. Raises ConfigError for a damaged one."""
        folder = Path(config.model)
        self.name, self.revision = name_of(config.model), revision_of(config.model, None)
        self._stated: Stated = read_stated(folder)
        kind: Any = V2XumForSummarization if isinstance(self._stated.config.summarizer, V2XumSection) else Vtsum
        self._model: Any = load(folder, kind).to(config.device)
        self._tower, self._threads = tower, threads_for(self._model, config.device)
        self._lock = threading.Lock()

    def choose(self, pictures: Iterator[bytes]) -> tuple[tuple[int, ...], NDArray[np.float32]]:
        """The keyframes among the F pictures of a video (JPEG, by time), ascending, and a score 0..1 of each, [F]."""
        vectors = tower_vectors(self._tower, pictures)
        section = self._stated.config.summarizer
        batch: dict[str, Any]
        if isinstance(section, V2XumSection):
            every = np.arange(len(vectors))
            seen = adaptive_frames(vectors, section.slots) if section.frames == "adaptive" else every
            shown = vectors[seen[SlotMap(section.slots).shown(len(seen))]]
            asked = "v2vt" if "v2vt" in section.tasks else "v2v"  # as its evaluation asks
            batch = {"frames": torch.from_numpy(shown)[None], "counts": [len(vectors)], "questions": [asked]}
            batch["seen"] = [seen]
        else:
            mask = torch.ones(1, len(vectors), dtype=torch.bool)
            batch = {"features": torch.from_numpy(vectors)[None], "mask": mask}
        with self._lock, threads(self._threads):
            (found,) = self._model.predict(batch)
        return found.keyframes, found.scores
