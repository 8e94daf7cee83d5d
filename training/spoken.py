"""What is said while each sampled frame is shown, as vectors of a sentence embedder, kept by content.

FOLDER/EMBEDDER/KEY.npy    float32 [U, e]: the vectors of a video's U distinct texts, in the order in which they appear

The key is a hash of these texts, and the embedder's name has the hash of its weights.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from curation.store.files import write_whole
from models.build import build_embedder
from models.clip import Vectors
from models.identity import embedder_name
from schemas.configuration.model_config import EmbedderConfig
from schemas.errors import ConfigError
from training.examples import Example

_log = logging.getLogger(__name__)


class SpokenVectors:
    """The vectors of what is said in videos, as one embedder makes them."""

    def __init__(self, folder: Path, config: EmbedderConfig) -> None:
        """Keep them in `folder`. No weights are loaded. Raises ConfigError when there is no such embedder."""
        self._config = config
        self.name = embedder_name(config)
        self._folder = folder / re.sub(r"[^A-Za-z0-9._-]", "_", self.name)

    def path(self, example: Example) -> Path:
        """The file of a video's vectors, which need not exist."""
        return self._folder / f"{hashlib.sha256(json.dumps(_distinct(example)).encode()).hexdigest()}.npy"

    def missing(self, examples: Sequence[Example]) -> list[Example]:
        """The examples whose vectors must be made."""
        return [example for example in examples if not self.path(example).is_file()]

    def make(self, examples: Sequence[Example], raise_if_stopped: Callable[[], None] = lambda: None) -> None:
        """Make what is missing. Raises ConfigError as `build_embedder`, and RunStopped of `raise_if_stopped`."""
        if wanted := self.missing(examples):
            embedder = build_embedder(self._config)
            for example in wanted:
                raise_if_stopped()
                buffer = io.BytesIO()
                np.save(buffer, embedder.embed(_distinct(example)))
                write_whole(self.path(example), buffer.getvalue())

    def read(self, example: Example) -> Vectors:
        """The vectors float32 [F, e], rows of unit norm; zeros for a frame in which nobody speaks.

        Raises ConfigError where they were not made, or the file is damaged.
        """
        path, distinct = self.path(example), _distinct(example)
        try:
            vectors = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            raise ConfigError(f"{path} (what is said in video {example.id}) is gone: train again") from None
        except (OSError, ValueError, EOFError) as error:
            told = f"{path} (what is said in video {example.id}) is damaged"
            raise ConfigError(f"{told}: remove it, and train again") from error
        if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != len(distinct):
            raise ConfigError(f"{path} (what is said in video {example.id}) is damaged: remove it, and train again")
        place = {text: number for number, text in enumerate(distinct)}
        return np.asarray(vectors[[place[text] for text in example.said]], np.float32)


def _distinct(example: Example) -> list[str]:
    return list(dict.fromkeys(example.said))


def require_said(examples: Sequence[Example]) -> None:
    """Raise ConfigError unless the data have transcripts, for summarizers that read what is said.

    A warning counts the videos of which nothing is known, for instance because they have no subtitles. The summarizer
    takes them for silent ones.
    """
    for example in examples:
        if len(example.said) != example.frames:
            raise ConfigError(
                f"video {example.id} has no transcript, and this summarizer reads what is said: curate with "
                "transcribe.mode, make a new release, and name it by --release, also beside --data"
            )
    if unheard := [example for example in examples if example.unheard is not None]:
        told = "%d of %d videos (%s: %s, ...) have no transcript that can be used: they are learned from as silent ones"
        _log.warning(told, len(unheard), len(examples), unheard[0].id, unheard[0].unheard)
