"""What each kind of summarizer brings to a training: its model, its items and its batches; one file a kind."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

from transformers import PreTrainedModel

from models.summarizers.checkpoint import load as load_checkpoint
from models.summarizers.predicted import Predicted
from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError
from schemas.release import FormatChoice
from training.collate import Batch, Collator
from training.examples import Example
from training.features import Features
from training.loop import Loop, Way

_MODULES = {
    "v2xum": "training.v2xum",
    "vtsum": "training.vtsum",
    "llmvs": "training.llmvs",
    "vlm": "training.modern.sft",
    "dpo": "training.modern.dpo",
}


class Places(NamedTuple):
    """The folder of the release, and that of the training."""

    release: Path
    out: Path


class Recipe(ABC):
    """How one kind of summarizer is trained and asked. A module `training.KIND` has its own as `RECIPE`.

    `kind` is its model, which has `predict(batch) -> list[Predicted]`: one for each video, on its F frames.
    `reads_frames`: it needs the vectors of frames; `reads_captions`: their captions. `reads_lazily`: items cost nothing
    before they are read. `places` are for those that read the release's files themselves.
    """

    kind: ClassVar[type[PreTrainedModel]]
    reads_frames: ClassVar[bool] = True
    reads_captions: ClassVar[bool] = False
    reads_lazily: ClassVar[bool] = False
    places: Places | None = None

    def __init__(self, config: TrainConfig, features: Features | None) -> None:
        """Keep the configuration and, for summarizers that look at frames, their vectors."""
        self.config = config
        self.features = features

    def way(self) -> Way:
        """By which Trainer it is trained."""
        return Way(Loop)

    @property
    def reads_speech(self) -> bool:
        """Whether it reads what is said, and so needs a transcript of each video."""
        return self.features is not None and self.reads_frames and self.features.reads_speech

    @property
    def source(self) -> str:
        """The name of what it learns from, with the hash of the weights that make it; empty where that is nothing."""
        return self.features.name if self.features is not None and self.reads_frames else ""

    def missing(self, examples: Sequence[Example]) -> list[Example]:
        """The examples for which `prepare` has something to make."""
        return self.features.missing(examples) if self.features is not None and self.reads_frames else []

    def prepare(
        self,
        examples: Sequence[Example],
        raise_if_stopped: Callable[[], None] = lambda: None,
        on_video: Callable[[int, int], None] = lambda done, videos: None,
    ) -> None:
        """Make what is kept of each video and is missing. Raises as `Features.make`, RunStopped too."""
        if self.features is not None and self.reads_frames:
            workers = self.config.features.workers if self.config.features is not None else 1
            self.features.make(examples, workers=workers, raise_if_stopped=raise_if_stopped, on_video=on_video)

    def check(self, examples: Sequence[Example]) -> None:  # noqa: B027 - most need nothing
        """Raise ConfigError for examples that it cannot learn from, before anything takes time."""

    @abstractmethod
    def build(self, examples: Sequence[Example]) -> PreTrainedModel:
        """A new model; the global random state is seeded. `examples` are those of the training split."""

    def load(self, folder: Path) -> PreTrainedModel:
        """A trained model, with what belongs to it. Raises ConfigError as `load_checkpoint`."""
        return load_checkpoint(folder, self.kind)

    def save_also(self, folder: Path) -> None:  # noqa: B027 - most have nothing
        """Put what belongs to the model (a tokenizer) beside its weights."""

    @abstractmethod
    def items(self, examples: Sequence[Example]) -> Sequence[Any]:
        """One item or more for each example, for training, after `prepare`. May read lazily."""

    @abstractmethod
    def collator(self) -> Collator:
        """What makes batches of items; called after `items`, `build` or `load`."""

    def lengths(self, items: Sequence[Any]) -> Sequence[int]:
        """How long each item is, to group items by; () where all are alike."""
        return ()

    def questions(self, examples: Sequence[Example]) -> Sequence[Any]:
        """Exactly one item for each example, to be predicted."""
        return self.items(examples)

    def compared(self, examples: Sequence[Example], share: float) -> Mapping[str, Sequence[Predicted]]:
        """What the model is compared with, by name, beside its untrained self: one prediction for each example.

        `share` of the frames are keyframes in the training split.
        """
        return {}

    def show(self, example: Example, picture: Callable[[int], bytes], choice: FormatChoice) -> None:  # noqa: B027
        """Take the pictures of a video that is in no release, for recipes that read a release's files.

        `picture` gives the JPEG of a sampled frame; `choice`: how the files were written that the model learned from.
        """

    def predict(self, model: PreTrainedModel, batch: Batch) -> list[Predicted]:
        """What the model says of a batch of the collator's `questions`."""
        answers: list[Predicted] = model.predict(batch)  # type: ignore[operator]
        return answers


def recipe_of(config: TrainConfig, features: Features | None, places: Places | None = None) -> Recipe:
    """The recipe of the configured kind. Raises ConfigError where the features that it needs are not configured."""
    kind = config.summarizer.kind
    try:
        recipe = cast("type[Recipe]", importlib.import_module(_MODULES[kind]).RECIPE)
    except ModuleNotFoundError as error:
        told = f"needs the package {error.name}, which is missing: install the extra `train`"
        raise ConfigError(f"summarizer.kind: {kind} {told}") from error
    if recipe.reads_frames and features is None:
        raise ConfigError(f"features: {kind} looks at frames: name a tower in the section `features`")
    if features is not None and features.reads_speech and not recipe.reads_frames:
        way = "summarizer.speech tells it what is said" if kind == "llmvs" else "it does not read what is said"
        raise ConfigError(f"features.speech is for summarizers that look at frames, and {kind} does not: {way}")
    made = recipe(config, features)
    made.places = places
    return made
