"""A vision-language model of a few thousand weights in the shape of Qwen3-VL, with a processor of its own."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from benchmarks.format_study.processors import PATCH, SPECIAL, save, token_ids

LETTERS = 256  # the tokenizer knows bytes
PIXELS = 64 * 64  # a picture is at most 2 x 2 tokens


def make(folder: Path) -> Path:
    """Save it, with random weights."""
    save("qwen3_vl", folder, first_special=LETTERS, pixels=PIXELS)
    torch.manual_seed(0)
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": LETTERS + len(SPECIAL),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [4, 2, 2]},
            "eos_token_id": LETTERS + SPECIAL.index("<|im_end|>"),
            "pad_token_id": LETTERS,
        },
        vision_config={
            "depth": 1,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 32,
            "patch_size": PATCH["qwen3_vl"],
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0],
        },
        **token_ids(LETTERS),
    )
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = config.text_config.eos_token_id
    model.generation_config.pad_token_id = LETTERS
    model.save_pretrained(folder)
    return folder
