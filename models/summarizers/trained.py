"""A trained summarizer that looks at frames, with its tower: from pictures to keyframes and scores."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from models.chat import Embedder
from models.clip import Tower, tower_vectors
from models.identity import features_name, name_of, revision_of
from models.summarizers.adaptive import adaptive_frames
from models.summarizers.checkpoint import Stated, load, read_stated, require_finished
from models.summarizers.slots import SlotMap
from models.summarizers.v2xum import V2XumForSummarization
from models.summarizers.vtsum import Vtsum
from models.torch_threads import threads, threads_for
from schemas.configuration.model_config import (
    EmbedderConfig,
    TowerConfig,
    TrainedExtractor,
    TransformersEmbedder,
)
from schemas.configuration.summarizer_config import V2XumSection, VtsumSection
from schemas.errors import ConfigError


class Inputs(NamedTuple):
    """What makes the vectors that a checkpoint reads; `speech` is None for one that is not told what is said."""

    tower: TowerConfig
    speech: EmbedderConfig | None


def inputs_of(config: TrainedExtractor, fps: float, transcripts: bool) -> Inputs:
    """What a checkpoint was trained with; `transcripts` says whether the run has them.

    Raises ConfigError for a checkpoint that reads captions, or what is said where nothing is known of it, or is
    damaged, for a model whose weights changed since, and for another number of frames a second.
    """
    folder, stated = Path(config.model), read_stated(Path(config.model))
    section, kind = stated.config.features, stated.config.summarizer
    tasks = {"v2v"} if isinstance(kind, VtsumSection) else set(kind.tasks) if isinstance(kind, V2XumSection) else set()
    if section is None or tasks.isdisjoint(("v2v", "v2vt")):
        told = f"{folder.name} chooses no frames by their pictures"
        raise ConfigError(f"{told}: name a checkpoint of vtsum, or of v2xum with the task v2v or v2vt")
    if section.speech is not None and not transcripts:
        raise ConfigError(
            f"{folder.name} reads what is said, and this run has no transcripts: set transcribe.mode, or name a "
            "checkpoint that was trained without features.speech"
        )
    if stated.sampling.fps != fps:
        told = f"{folder.name} was trained on {stated.sampling.fps:g} frames a second, and frames.fps is {fps:g}"
        raise ConfigError(f"{told}: set frames.fps={stated.sampling.fps:g}, or train on a release like this")
    tower = section.tower.model_copy(update={"device": config.device})
    speech = section.speech
    if isinstance(speech, TransformersEmbedder):
        speech = speech.model_copy(update={"device": config.device})
    if (trained := require_finished(folder)["features"]) != (now := features_name(tower, speech)):
        told = f"{folder.name} was trained on vectors of {trained}, and {name_of(tower.model)} gives those of {now}"
        raise ConfigError(f"{told}: put the weights of the training back, or train again")
    return Inputs(tower, speech)


class TrainedSummarizer:
    """V2Xum or VTSUM in this process. Threads may share it: one video runs at a time."""

    def __init__(self, config: TrainedExtractor, tower: Tower, speech: Embedder | None = None) -> None:
        """Load a checkpoint that `inputs_of` accepts. Raises ConfigError for a damaged one."""
        folder = Path(config.model)
        self.name, self.revision = name_of(config.model), revision_of(config.model, None)
        self._stated: Stated = read_stated(folder)
        kind: Any = V2XumForSummarization if isinstance(self._stated.config.summarizer, V2XumSection) else Vtsum
        self._model: Any = load(folder, kind).to(config.device)
        self._speech = speech
        self._tower, self._threads = tower, threads_for(self._model, config.device)
        self._lock = threading.Lock()

    @property
    def reads_speech(self) -> bool:
        """Whether it is told what is said."""
        return self._speech is not None

    def choose(
        self, pictures: Iterator[bytes], said: Sequence[str] = ()
    ) -> tuple[tuple[int, ...], NDArray[np.float32]]:
        """The keyframes among the F pictures of a video (JPEG, by time), ascending, and a score 0..1 of each, [F].

        `said`: what is said while each of them is shown ("" for nothing), for one that reads it.
        """
        vectors = tower_vectors(self._tower, pictures)
        if self._speech is not None:
            distinct = list(dict.fromkeys(said))
            place = {text: number for number, text in enumerate(distinct)}
            heard = self._speech.embed(distinct)[[place[text] for text in said]]
            vectors = np.concatenate([vectors, heard], axis=1)
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
