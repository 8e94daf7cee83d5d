"""The configuration of `v2xum train`: what is trained, on which features, how, and how it is evaluated."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.configuration.model_config import EmbedderConfig, TowerConfig
from schemas.configuration.section import Count, Fraction, Section, Unit
from schemas.configuration.summarizer_config import SummarizerSection


class FeatureSection(Section):
    """The vectors of frames."""

    tower: TowerConfig = Field(description="the model that makes a vector of a picture")
    speech: EmbedderConfig | None = Field(
        default=None,
        description="the embedder of what is said while a frame is shown, for releases with transcripts: its vector "
        "follows that of the picture; null: none",
    )
    folder: str | None = Field(
        default=None, description="where vectors are kept, so that trainings can share them; null: OUT/features"
    )
    upstream: str | None = Field(
        default=None,
        description="a folder that also gets {id}.npy float32 [100, d] of every video, as V2Xum-LLaMA's code reads it",
    )
    workers: Count = Field(default=1, ge=1, le=64, description="videos that are decoded at the same time")


class DataSection(Section):
    """Which rows of the release are learned from, in training and validation. The test split always stays whole."""

    rows: Literal["all", "raw", "audited", "verified"] = Field(
        default="all",
        description="raw: those that nobody checked; audited: those that the audit measured and let pass, or people "
        "accepted; verified: those that people accepted or corrected",
    )
    videos: Count | None = Field(
        default=None,
        ge=1,
        description="at most so many training videos, by a hash of `training.seed` and id, so that trainings on other "
        "rows have as many videos in common as they can; null: all",
    )


class TrainingSection(Section):
    """The loop. A step is one change of the weights: by `batch` x `accumulate` videos.

    Validation and a checkpoint come after every epoch, or after every `check_every` steps. The best checkpoint is the
    result. The test split is never looked at.
    """

    seed: int = Field(default=0, ge=0, lt=2**31, description="draws fresh weights and the order of videos")
    epochs: Annotated[float, Unit("passes over the training split")] = Field(
        default=10, gt=0, description="longest training"
    )
    batch: Count = Field(default=8, ge=1, description="videos that are computed together")
    accumulate: Count = Field(default=1, ge=1, description="batches whose gradients are added up before a step")
    learning_rate: Annotated[float, Unit("learning rate")] = Field(
        default=1e-4, gt=0, description="size of the steps, at its peak"
    )
    weight_decay: Annotated[float, Unit("share of the learning rate")] = Field(
        default=0.05, ge=0, description="how much weights shrink in a step"
    )
    warmup: Fraction = Field(default=0.03, description="the share of steps in which the learning rate rises")
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = Field(
        default="cosine", description="how the learning rate falls afterwards"
    )
    max_gradient: Annotated[float, Unit("norm")] = Field(
        default=1.0, ge=0, description="norm to which gradients are cut; 0: no limit"
    )
    precision: Literal["float32", "bfloat16"] = Field(default="float32", description="numbers of the computation")
    gradient_checkpointing: bool = Field(default=False, description="compute some things twice, which saves memory")
    group_by_length: bool = Field(default=False, description="put videos of about the same length into one batch")
    check_every: Annotated[int, Unit("steps")] | None = Field(
        default=None, ge=1, description="validation and a checkpoint after so many steps; null: after every epoch"
    )
    patience: Count | None = Field(
        default=5,
        ge=1,
        description="training ends after so many validations without a lower loss; null: never",
    )
    keep: Count = Field(default=2, ge=1, description="checkpoints that stay")
    workers: Count = Field(default=0, ge=0, le=64, description="processes that make batches; 0: the loop itself")


class EvaluationSection(Section):
    """The evaluation of the result, as `v2xum evaluate` does it."""

    split: Literal["test", "validation"] = Field(default="test", description="the split that is evaluated")
    protocol: str | None = Field(
        default=None, description="the named protocol of `v2xum evaluate`; null: the one that fits the references"
    )
    text: bool = Field(default=True, description="also score texts")
    clip: str | None = Field(
        default=None, description="a folder, a hub id or ARCHITECTURE:PRETRAINED; null: no scores by CLIP"
    )
    batch: Count = Field(default=8, ge=1, description="videos that are summarized together")
    untrained: bool = Field(default=True, description="also evaluate the model before its training")


class TrainConfig(Section):
    """The whole configuration of `v2xum train`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = Field(
        description="name of the training: letters, digits, dot, hyphen and underscore, at most 64"
    )
    summarizer: SummarizerSection = Field(description="what is trained")
    features: FeatureSection | None = Field(
        default=None, description="vectors of frames, which summarizers that look at frames need"
    )
    data: DataSection = DataSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
