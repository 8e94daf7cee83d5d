"""The configuration of `v2xum train`: what is trained, on which features, how, and how it is evaluated."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.configuration.config import Fraction
from schemas.configuration.model_config import TowerConfig
from schemas.configuration.section import Section
from schemas.configuration.summarizer_config import SummarizerSection


class FeatureSection(Section):
    """The vectors of frames. `folder`: where they are kept, so that trainings can share them; OUT/features without it.

    `upstream`: a folder that also gets `{id}.npy` float32 [100, d] of every video, as V2Xum-LLaMA's code reads them.
    `workers`: videos that are decoded at the same time.
    """

    tower: TowerConfig
    folder: str | None = None
    upstream: str | None = None
    workers: int = Field(default=1, ge=1, le=64)


class DataSection(Section):
    """Which rows of the release are learned from, in training and validation. The test split always stays whole.

    `rows`: `raw`, those that nobody checked; `audited`, those that the audit measured and let pass, or people accepted;
    `verified`, those that people accepted or corrected. `videos`: at most so many training videos, by a hash of
    `training.seed` and id, so that trainings on other rows have as many videos in common as they can.
    """

    rows: Literal["all", "raw", "audited", "verified"] = "all"
    videos: int | None = Field(default=None, ge=1)


class TrainingSection(Section):
    """The loop. A step is one change of the weights: by `batch` x `accumulate` videos.

    `warmup`: the share of steps in which the learning rate rises. Validation and a checkpoint come after every epoch,
    or after every `check_every` steps; training ends after `patience` of them without a lower validation loss (null:
    never), and the best checkpoint is the result. `keep`: checkpoints that stay. The test split is never looked at.
    """

    seed: int = Field(default=0, ge=0, lt=2**31)
    epochs: float = Field(default=10, gt=0)
    batch: int = Field(default=8, ge=1)
    accumulate: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    warmup: Fraction = 0.03
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    max_gradient: float = Field(default=1.0, ge=0, description="norm to which gradients are cut; 0: no limit")
    precision: Literal["float32", "bfloat16"] = "float32"
    gradient_checkpointing: bool = False
    group_by_length: bool = False
    check_every: int | None = Field(default=None, ge=1)
    patience: int | None = Field(default=5, ge=1)
    keep: int = Field(default=2, ge=1)
    workers: int = Field(default=0, ge=0, le=64, description="processes that make batches; 0: the loop itself")


class EvaluationSection(Section):
    """The evaluation of the result, as `v2xum evaluate` does it. `untrained`: also of the model before its training;
    `clip`: a folder, a hub id or ARCHITECTURE:PRETRAINED.
    """

    split: Literal["test", "validation"] = "test"
    protocol: str | None = None
    text: bool = True
    clip: str | None = None
    batch: int = Field(default=8, ge=1)
    untrained: bool = True


class TrainConfig(Section):
    """The whole configuration of `v2xum train`. `features` are needed by summarizers that look at frames."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    summarizer: SummarizerSection
    features: FeatureSection | None = None
    data: DataSection = DataSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
