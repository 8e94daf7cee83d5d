"""The sections of a training's configuration that say what is trained, one for each kind of summarizer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.configuration.model_config import LocalModel
from schemas.configuration.section import Section
from schemas.repository import DATA


class LoraSection(Section):
    """Low-rank matrices (PEFT) on all linear layers but the head; upstream's released values."""

    r: int = Field(default=64, ge=1)
    lora_alpha: int = Field(default=128, ge=1)
    lora_dropout: float = Field(default=0.05, ge=0, lt=1)


class ScratchModel(Section):
    """A language model (Llama) with fresh weights; its tokenizer is trained on the texts of the training split."""

    width: int = Field(default=128, ge=8)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=4, ge=1)
    vocabulary: int = Field(default=1000, ge=300)


class V2XumSection(Section):
    """A causal language model that reads frame vectors, each after the text of its slot (seed 000).

    `language_model`: a folder or name of the hub, `smollm2`, or a model from nothing. `frames`: the slots show frames
    at equal distances, or `adaptive`: more of them where pictures change. `tasks`: what is learned;
    `caption` asks about single frames (a first stage with `train: adapter`, whose result is the `adapter` of the next).
    `adapter`: the checkpoint that the adapter comes from, null: fresh. `fit_adapter`: it begins as the linear map from
    frames to the mean embeddings of their captions' tokens. `passages`: each epoch makes every training film anew of at
    most so many passages of films, 0: films stay as they are; `noise` is added to their frames, in standard deviations.
    `lora` null: all weights. `train`: which parts.
    """

    kind: Literal["v2xum"]
    language_model: str | ScratchModel
    slots: int = Field(default=100, ge=10, le=1000)
    frames: Literal["uniform", "adaptive"] = "uniform"
    temporal_prompts: bool = True
    tasks: tuple[Literal["v2v", "v2t", "v2vt", "caption"], ...] = Field(default=("v2v", "v2t", "v2vt"), min_length=1)
    lora: LoraSection | None = None
    adapter: str | None = None
    fit_adapter: bool = False
    passages: int = Field(default=0, ge=0, le=100)
    noise: float = Field(default=0, ge=0)
    train: Literal["all", "adapter", "language_model"] = "all"
    answer_tokens: int = Field(default=512, ge=8)


class VtsumText(Section):
    """The text decoder of VTSUM, as wide as its encoder; its tokenizer learns from the texts of the training split."""

    prompt: str = Field(default="a video of ", min_length=1)
    vocabulary: int = Field(default=8000, ge=300)
    layers: int = Field(default=12, ge=1)
    beams: int = Field(default=3, ge=1)
    least_tokens: int = Field(default=10, ge=1)
    most_tokens: int = Field(default=128, ge=2, le=500)

    @model_validator(mode="after")
    def _ordered(self) -> VtsumText:
        if self.least_tokens > self.most_tokens:
            raise ValueError(f"least_tokens ({self.least_tokens}) must not exceed most_tokens ({self.most_tokens})")
        return self


class VtsumSection(Section):
    """A temporal transformer over frame vectors, with a video head and a text decoder (seeds 001 and 003).

    `temporal_layers` 0: no temporal transformer (TT). `local_windows` (LA, of both heads) and `context_windows` (CA, of
    the video head): one layer a window, null for all frames. `memory_slots` 0: no memory. `smoothing` frames are
    averaged, inside events where there is a `segmentation`. `share` of the frames are keyframes; null: as in the
    training split. `relevance`: the weight of scores against diversity in the selection `dpp`.
    """

    kind: Literal["vtsum"]
    hidden_size: int = Field(default=768, ge=1)
    heads: int = Field(default=12, ge=1)
    inner_size: int = Field(default=3072, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    positions: int = Field(default=512, ge=2)
    temporal_layers: int = Field(default=1, ge=0)
    local_windows: tuple[Annotated[int, Field(ge=1)] | None, ...] = (5,)
    context_windows: tuple[Annotated[int, Field(ge=1)] | None, ...] = (5,)
    memory_slots: int = Field(default=0, ge=0)
    segmentation: Literal["none", "kernel", "learned"] = "none"
    segmentation_penalty: float = Field(default=1.0, ge=0)
    smoothing: int = Field(default=1, ge=1)
    selection: Literal["top", "dpp"] = "top"
    share: float | None = Field(default=0.15, gt=0, le=1)
    relevance: float = Field(default=0.9, ge=0, lt=1)
    video_weight: float = Field(default=15.0, ge=0)
    text_weight: float = Field(default=1.0, ge=0)
    boundary_weight: float = Field(default=1.0, ge=0)
    text: VtsumText | None = VtsumText()

    @model_validator(mode="after")
    def _divided(self) -> VtsumSection:
        if self.hidden_size % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide hidden_size ({self.hidden_size})")
        return self


class LlmvsSection(Section):
    """A head of self-attention over the hidden states with which a language model judges captions (seed 002).

    `tokens`: whose states are pooled, the window's (queries), the answer's, or both. `states`: after the final norm, or
    after the linear layer that gives the logits. `layers` 0: no self-attention. `share` as for VTSUM. `folder`: where
    states are kept, so that trainings can share them.
    """

    kind: Literal["llmvs"]
    model: LocalModel
    prompt: str = "importance.v1"
    window: int = Field(default=7, ge=1)
    answer_tokens: int = Field(default=8, ge=1)
    tokens: Literal["queries", "answers", "both"] = "both"
    states: Literal["norm", "linear"] = "norm"
    hidden_size: int = Field(default=2048, ge=16, multiple_of=16)
    layers: int = Field(default=3, ge=0)
    heads: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    share: float | None = Field(default=0.15, gt=0, le=1)
    folder: str = str(DATA / "runs" / "hidden_states")

    @model_validator(mode="after")
    def _even(self) -> LlmvsSection:
        if self.window % 2 == 0:
            raise ValueError(f"window ({self.window}) must be odd: as many frames before the frame as after it")
        if self.hidden_size % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide hidden_size ({self.hidden_size})")
        return self


class VisionModelSection(Section):
    """What both ways of tuning a current vision-language model have.

    `model`: a folder or name of the hub, or the result of an earlier training, whose adapter is tuned further.
    `revision`: its commit or tag. `lora`: of a model without an adapter.
    """

    model: str
    revision: str | None = None
    lora: LoraSection = LoraSection()
    answer_tokens: int = Field(default=1024, ge=8)


class VlmSection(VisionModelSection):
    """A vision-language model, tuned by TRL's SFTTrainer on `formats/trl`: pictures with their times between them."""

    kind: Literal["vlm"]


class DpoSection(VisionModelSection):
    """The same, tuned by TRL's DPOTrainer on `formats/trl/dpo`: what people wrote instead of a model's answer.

    `beta`: how near it stays to where it began (Rafailov et al. 2023, https://arxiv.org/abs/2305.18290, equation 7).
    """

    kind: Literal["dpo"]
    beta: float = Field(default=0.1, gt=0)


SummarizerSection = Annotated[
    V2XumSection | VtsumSection | LlmvsSection | VlmSection | DpoSection, Field(discriminator="kind")
]
