"""What each kind of summarizer brings to a training: its model, its items and its batches; one file a kind."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from transformers import PreTrainedModel

from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError
from training import checkpoints
from training.collate import Collator
from training.examples import Example
from training.features import Features

_MODULES = {"v2xum": "training.v2xum", "vtsum": "training.vtsum", "llmvs": "training.llmvs"}


class Recipe(ABC):
    """How one kind of summarizer is trained and asked. A module `training.KIND` has its own as `RECIPE`.

    `kind` is its model, which has `predict(batch) -> list[Predicted]`: one for each video, on its F frames.
    `reads_frames`: it needs the vectors of frames.
    """

    kind: ClassVar[type[PreTrainedModel]]
    reads_frames: ClassVar[bool] = True

    def __init__(self, config: TrainConfig, features: Features | None) -> None:
        """Keep the configuration and, for summarizers that look at frames, their vectors."""
        self.config = config
        self.features = features

    def check(self, examples: Sequence[Example]) -> None:  # noqa: B027 - most need nothing
        """Raise ConfigError for examples that it cannot learn from, before anything takes time."""

    @abstractmethod
    def build(self, examples: Sequence[Example]) -> PreTrainedModel:
        """A new model; the global random state is seeded. `examples` are those of the training split."""

    def load(self, folder: Path) -> PreTrainedModel:
        """A trained model, with what belongs to it. Raises ConfigError as `checkpoints.load`."""
        return checkpoints.load(folder, self.kind)

    def save_also(self, folder: Path) -> None:  # noqa: B027 - most have nothing
        """Put what belongs to the model (a tokenizer) beside its weights."""

    @abstractmethod
    def items(self, examples: Sequence[Example]) -> Sequence[Any]:
        """One item or more for each example, for training. May read lazily."""

    @abstractmethod
    def collator(self) -> Collator:
        """What makes batches of items."""

    def lengths(self, items: Sequence[Any]) -> Sequence[int]:
        """How long each item is, to group items by; () where all are alike."""
        return ()

    def questions(self, examples: Sequence[Example]) -> Sequence[Any]:
        """Exactly one item for each example, to be predicted."""
        return self.items(examples)


def recipe_of(config: TrainConfig, features: Features | None) -> Recipe:
    """The recipe of the configured kind. Raises ConfigError where the features that it needs are not configured."""
    kind = config.summarizer.kind
    if kind not in _MODULES:
        raise ConfigError(f"summarizer.kind: {kind} cannot be trained here yet (there are: {', '.join(_MODULES)})")
    recipe = cast("type[Recipe]", importlib.import_module(_MODULES[kind]).RECIPE)
    if recipe.reads_frames and features is None:
        raise ConfigError(f"features: {kind} looks at frames: name a tower in the section `features`")
    return recipe(config, features)
