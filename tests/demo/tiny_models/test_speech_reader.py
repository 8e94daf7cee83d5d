"""A summarizer that reads what is said: one token for each prompt of speech, and a checkpoint that production loads."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from curation.text.extract import schema_of
from demo.tiny_models.speech_data import EXTRACT, REFINE, told_extraction, told_scripts
from demo.tiny_models.speech_reader import exact, train, with_speech_tokens
from models.chat import Request
from models.local.chat_model import LocalChatModel
from prompts import load
from schemas.configuration.model_config import LocalModel
from schemas.repository import DATA

SOURCE = DATA / "demo" / "summarizer"


def test_each_prompt_of_speech_is_a_token_and_other_texts_are_as_before() -> None:
    made, old = with_speech_tokens(SOURCE), AutoModelForCausalLM.from_pretrained(SOURCE)
    for name in (EXTRACT, REFINE):
        assert len(made.tokenizer(load(name).own.strip())["input_ids"]) == 1
    ids = made.tokenizer("A red circle moves left, gray room. 12", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        known = old(ids).logits
        torch.testing.assert_close(made.model.eval()(ids).logits[..., : known.shape[-1]], known)


@pytest.mark.slow
def test_steps_lower_the_loss_and_production_loads_the_checkpoint(tmp_path: Path) -> None:
    rng, scripts = random.Random(5), told_scripts(range(5000, 5020))
    examples = [told_extraction(rng, scripts, 4) for _ in range(24)]
    with torch.no_grad():
        before = with_speech_tokens(SOURCE).loss(examples).item()
    shares = train(SOURCE, tmp_path / "checkpoint", steps=40)
    assert all(0 <= share <= 1 for share in shares.values()) and len(shares) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    after = with_speech_tokens(tmp_path / "checkpoint")
    with torch.no_grad():
        assert after.loss(examples).item() < 0.6 * before
    assert exact(after) == shares, "what was written is what was measured"
    model = LocalChatModel(LocalModel(model=str(tmp_path / "checkpoint")))
    (reply,) = model.complete([Request(examples[0].prompt, None, schema_of([0, 1, 2], 0, 2), 64, 0)])
    assert set(json.loads(reply.text)) == {"keyframes"}
