"""The sections of a training's configuration that say what is trained, one for each kind of summarizer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.configuration.section import Section


class V2XumSection(Section):
    """A causal language model that reads frame vectors, each after the text of its slot (temporal prompt)."""

    kind: Literal["v2xum"]


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
