"""Gives the tiny summarizer a token for each slot, so that V2Xum can be trained over it in minutes.

It has learned to copy the second beside a caption that shows an event. A slot's token begins as the token of that
second, so V2Xum only has to learn what a frame's vector says.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from models.summarizers.slots import SlotMap
from models.weights import load_weights, quiet_loading


def with_slots(source: Path, out: Path, slots: int) -> None:
    """Write a copy of the language model `source` to `out`, as a whole, whose tokenizer has each slot as one token.

    Raises ValueError where two seconds begin as one token: the tokenizer does not know numbers up to `slots`.
    """
    reader: Any = AutoTokenizer
    with quiet_loading(), torch.no_grad():
        tokenizer = reader.from_pretrained(source)
        model = load_weights(AutoModelForCausalLM, str(source))
        seconds = [tokenizer(f" {second}", add_special_tokens=False)["input_ids"][-1] for second in range(slots)]
        if len(set(seconds)) < slots:
            raise ValueError(f"{source}: its tokenizer does not know the numbers up to {slots - 1}")
        tokenizer.add_tokens(list(SlotMap(slots).texts()))
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        weights = model.get_input_embeddings().weight
        weights[tokenizer.convert_tokens_to_ids(list(SlotMap(slots).texts()))] = weights[seconds]
        made = out.with_name(f".{out.name}")
        shutil.rmtree(made, ignore_errors=True)
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
    shutil.rmtree(out, ignore_errors=True)
    made.rename(out)
