"""The sections of a training's configuration that say what is trained, one for each kind of summarizer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.configuration.model_config import LocalModel
from schemas.configuration.section import Count, Section, Share, Tokens, Unit
from schemas.repository import KEPT

_KIND = "which summarizer is trained"
_DROPOUT = "share of the values that training sets to 0"
_HEADS = "heads of the attention"
_SHARE = "share of a video's frames that are keyframes; null: as in the training split"
Weight = Annotated[float, Unit("weight")]


class LoraSection(Section):
    """Low-rank matrices (PEFT) on all linear layers but the head; upstream's released values."""

    r: Count = Field(default=64, ge=1, description="rank of the matrices")
    lora_alpha: Annotated[int, Unit("scale, divided by r")] = Field(
        default=128, ge=1, description="how strongly the matrices count"
    )
    lora_dropout: Share = Field(default=0.05, ge=0, lt=1, description=_DROPOUT)


class ScratchModel(Section):
    """A language model (Llama) with fresh weights; its tokenizer is trained on the texts of the training split."""

    width: Count = Field(default=128, ge=8, description="length of the hidden vectors")
    layers: Count = Field(default=4, ge=1, description="layers of the model")
    heads: Count = Field(default=4, ge=1, description=_HEADS)
    vocabulary: Tokens = Field(default=1000, ge=300, description="most tokens that the tokenizer knows")


class V2XumSection(Section):
    """A causal language model that reads frame vectors, each after the text of its slot (seed 000)."""

    kind: Literal["v2xum"] = Field(description=_KIND)
    language_model: str | ScratchModel = Field(
        description="a folder or name of the hub, smollm2, or a section: a model from nothing"
    )
    slots: Count = Field(default=100, ge=10, le=1000, description="frames of a video that the model sees")
    frames: Literal["uniform", "adaptive"] = Field(
        default="uniform", description="uniform: frames at equal distances; adaptive: more where pictures change"
    )
    temporal_prompts: bool = Field(default=True, description="the text of each slot stands before its frame")
    tasks: tuple[Literal["v2v", "v2t", "v2vt", "caption"], ...] = Field(
        default=("v2v", "v2t", "v2vt"),
        min_length=1,
        description="what is learned; caption asks about single frames (a first stage with `train: adapter`)",
    )
    lora: LoraSection | None = Field(default=None, description="train low-rank matrices; null: all weights")
    adapter: str | None = Field(
        default=None, description="the checkpoint of an earlier training that the adapter comes from; null: fresh"
    )
    fit_adapter: bool = Field(
        default=False,
        description="the adapter begins as the linear map from frames to the mean embeddings of their captions' tokens",
    )
    passages: Count = Field(
        default=0,
        ge=0,
        le=100,
        description="each epoch makes every training film anew of at most so many passages of films; 0: films stay as "
        "they are",
    )
    noise: Annotated[float, Unit("standard deviations")] = Field(
        default=0, ge=0, description="noise that passages add to their frames"
    )
    train: Literal["all", "adapter", "language_model"] = Field(default="all", description="which parts learn")
    answer_tokens: Tokens = Field(default=512, ge=8, description="longest answer")


class VtsumText(Section):
    """The text decoder of VTSUM, as wide as its encoder; its tokenizer learns from the texts of the training split."""

    prompt: str = Field(default="a video of ", min_length=1, description="how each text begins")
    vocabulary: Tokens = Field(default=8000, ge=300, description="most tokens that the tokenizer knows")
    layers: Count = Field(default=12, ge=1, description="layers of the decoder")
    beams: Count = Field(default=3, ge=1, description="texts that are tried in parallel")
    least_tokens: Tokens = Field(default=10, ge=1, description="shortest text")
    most_tokens: Tokens = Field(default=128, ge=2, le=500, description="longest text")

    @model_validator(mode="after")
    def _ordered(self) -> VtsumText:
        if self.least_tokens > self.most_tokens:
            raise ValueError(f"least_tokens ({self.least_tokens}) must not exceed most_tokens ({self.most_tokens})")
        return self


class VtsumSection(Section):
    """A temporal transformer over frame vectors, with a video head and a text decoder (seeds 001 and 003).

    A window has one layer of its own; null in a list of windows: all frames.
    """

    kind: Literal["vtsum"] = Field(description=_KIND)
    hidden_size: Count = Field(default=768, ge=1, description="length of the hidden vectors")
    heads: Count = Field(default=12, ge=1, description=_HEADS)
    inner_size: Count = Field(default=3072, ge=1, description="width inside a layer")
    dropout: Share = Field(default=0.1, ge=0, lt=1, description=_DROPOUT)
    positions: Count = Field(default=512, ge=2, description="frames of a video that have a position of their own")
    temporal_layers: Count = Field(default=1, ge=0, description="layers of the temporal transformer (TT); 0: none")
    local_windows: tuple[Annotated[int, Field(ge=1), Unit("frames")] | None, ...] = Field(
        default=(5,), description="windows of the local attention (LA) of both heads"
    )
    context_windows: tuple[Annotated[int, Field(ge=1), Unit("frames")] | None, ...] = Field(
        default=(5,), description="windows of the context attention (CA) of the video head"
    )
    memory_slots: Count = Field(default=0, ge=0, description="vectors of the memory; 0: no memory")
    segmentation: Literal["none", "kernel", "learned"] = Field(
        default="none", description="how a video is divided into events"
    )
    segmentation_penalty: Weight = Field(
        default=1.0, ge=0, description="how much each further event costs: a higher value gives fewer events"
    )
    smoothing: Annotated[int, Unit("frames")] = Field(
        default=1, ge=1, description="frames that scores are averaged over, inside events where there are any"
    )
    selection: Literal["top", "dpp"] = Field(
        default="top", description="top: the best scores; dpp: also unlike each other"
    )
    share: Share | None = Field(default=0.15, gt=0, le=1, description=_SHARE)
    relevance: Weight = Field(
        default=0.9, ge=0, lt=1, description="weight of scores against diversity in the selection dpp"
    )
    video_weight: Weight = Field(default=15.0, ge=0, description="weight of the keyframes in the loss")
    text_weight: Weight = Field(default=1.0, ge=0, description="weight of the text in the loss")
    boundary_weight: Weight = Field(default=1.0, ge=0, description="weight of the events' boundaries in the loss")
    text: VtsumText | None = Field(default=VtsumText(), description="the text decoder; null: none")

    @model_validator(mode="after")
    def _divided(self) -> VtsumSection:
        if self.hidden_size % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide hidden_size ({self.hidden_size})")
        return self


class LlmvsSection(Section):
    """A head of self-attention over the hidden states with which a language model judges captions (seed 002)."""

    kind: Literal["llmvs"] = Field(description=_KIND)
    model: LocalModel = Field(description="the language model that judges")
    prompt: str = Field(default="importance.v1", description="name of a prompt of this repository, or a file (.md)")
    window: Annotated[int, Unit("frames")] = Field(
        default=7, ge=1, description="captions in one question; odd: as many before the frame as after it"
    )
    speech: bool = Field(
        default=False,
        description="what is said while a frame is shown stands behind its caption (a release with transcripts)",
    )
    answer_tokens: Tokens = Field(default=8, ge=1, description="longest answer")
    tokens: Literal["queries", "answers", "both"] = Field(
        default="both", description="whose states are pooled: the window's (queries), the answer's, or both"
    )
    states: Literal["norm", "linear"] = Field(
        default="norm",
        description="where states are read: after the final norm, or after the linear layer that gives the logits",
    )
    hidden_size: Count = Field(default=2048, ge=16, multiple_of=16, description="length of the head's vectors")
    layers: Count = Field(default=3, ge=0, description="layers of self-attention; 0: none")
    heads: Count = Field(default=2, ge=1, description=_HEADS)
    dropout: Share = Field(default=0.1, ge=0, lt=1, description=_DROPOUT)
    share: Share | None = Field(default=0.15, gt=0, le=1, description=_SHARE)
    folder: str = Field(
        default=str(KEPT / "hidden_states"),
        description="where states are kept, so that trainings can share them",
    )

    @model_validator(mode="after")
    def _even(self) -> LlmvsSection:
        if self.window % 2 == 0:
            raise ValueError(f"window ({self.window}) must be odd: as many frames before the frame as after it")
        if self.hidden_size % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide hidden_size ({self.hidden_size})")
        return self


class VisionModelSection(Section):
    """What both ways of tuning a current vision-language model have."""

    model: str = Field(
        description="a folder or name of the hub, or the result of an earlier training, whose adapter is tuned further"
    )
    revision: str | None = Field(default=None, description="commit or tag on the hub; null: the latest")
    lora: LoraSection = Field(default=LoraSection(), description="of a model without an adapter")
    answer_tokens: Tokens = Field(default=1024, ge=8, description="longest answer")


class VlmSection(VisionModelSection):
    """A vision-language model, tuned by TRL's SFTTrainer on `formats/trl`: pictures with their times between them."""

    kind: Literal["vlm"] = Field(description=_KIND)


class DpoSection(VisionModelSection):
    """The same, tuned by TRL's DPOTrainer on `formats/trl/dpo`: what people wrote instead of a model's answer.

    `beta` is that of Rafailov et al. 2023, https://arxiv.org/abs/2305.18290, equation 7.
    """

    kind: Literal["dpo"] = Field(description=_KIND)
    beta: Weight = Field(default=0.1, gt=0, description="how near the model stays to where it began")


SummarizerSection = Annotated[
    V2XumSection | VtsumSection | LlmvsSection | VlmSection | DpoSection, Field(discriminator="kind")
]
