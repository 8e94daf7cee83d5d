"""The sections of a training's configuration that say what is trained, one for each kind of summarizer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.configuration.section import Section


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

    `language_model`: a folder or name of the hub, `smollm2`, or a model from nothing. `tasks`: what is learned;
    `caption` asks about single frames (a first stage with `train: adapter`, whose result is the `adapter` of the next).
    `adapter`: the checkpoint that the adapter comes from, null: fresh. `lora` null: all weights. `train`: which parts.
    """

    kind: Literal["v2xum"]
    language_model: str | ScratchModel
    slots: int = Field(default=100, ge=10, le=1000)
    temporal_prompts: bool = True
    tasks: tuple[Literal["v2v", "v2t", "v2vt", "caption"], ...] = Field(default=("v2v", "v2t", "v2vt"), min_length=1)
    lora: LoraSection | None = None
    adapter: str | None = None
    train: Literal["all", "adapter", "language_model"] = "all"
    answer_tokens: int = Field(default=512, ge=8)


class VtsumSection(Section):
    """A temporal transformer over frame vectors, with a video head and a text decoder."""

    kind: Literal["vtsum"]


class LlmvsSection(Section):
    """A head of self-attention over the hidden states with which a language model judges captions."""

    kind: Literal["llmvs"]


class VlmSection(Section):
    """A current vision-language model, tuned by TRL on pictures with times between them."""

    kind: Literal["vlm"]


class DpoSection(Section):
    """A vision-language model, tuned by TRL on what people preferred."""

    kind: Literal["dpo"]


SummarizerSection = Annotated[
    V2XumSection | VtsumSection | LlmvsSection | VlmSection | DpoSection, Field(discriminator="kind")
]
