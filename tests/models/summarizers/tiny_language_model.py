"""A language model of two layers with random weights, and the tokenizer of the demo's captioner."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from models.summarizers.v2xum import V2XumForSummarization
from models.weights import quiet_loading
from schemas.repository import DATA

WIDTH = 6  # of a frame's vector


@cache
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(DATA / "demo" / "captioner")


def language_model(seed: int = 0, *, tied: bool = True) -> Any:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer()),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=2048,
        initializer_range=0.4,  # so that its choices are clear
        tie_word_embeddings=tied,
        bos_token_id=None,
        eos_token_id=tokenizer().eos_token_id,
        pad_token_id=tokenizer().pad_token_id,
    )
    return LlamaForCausalLM(config).eval()


def v2xum(seed: int = 0, *, tied: bool = True, **options: Any) -> V2XumForSummarization:
    with quiet_loading():
        model = V2XumForSummarization.over(
            language_model(seed, tied=tied), tokenizer(), **{"feature_size": WIDTH, "slots": 12, **options}
        )
    model.adapter.weight.data.normal_(0, 0.5)
    return model.eval()


def vectors(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, WIDTH, generator=torch.Generator().manual_seed(seed))
