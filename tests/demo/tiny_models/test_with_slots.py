"""The tiny summarizer with a token for each slot: what V2Xum needs of it, and that it is otherwise the same model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from demo.tiny_models.with_slots import with_slots
from models.summarizers.slots import SlotMap
from models.summarizers.v2xum_tokens import V2XumTokens
from schemas.repository import DATA

SOURCE = DATA / "demo" / "summarizer"


def loaded(folder: Path) -> tuple[Any, Any]:
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def test_a_slot_is_one_token_that_begins_as_its_second(tmp_path: Path) -> None:
    with_slots(SOURCE, tmp_path / "lm", 60)
    (old, before), (model, tokenizer) = loaded(SOURCE), loaded(tmp_path / "lm")
    assert V2XumTokens(tokenizer, SlotMap(60)).table.shape[-1] == 1
    weights, olds = model.get_input_embeddings().weight, old.get_input_embeddings().weight
    for slot, text in ((0, "[00]"), (7, "[07]"), (59, "[59]")):
        second = before(f" {slot}", add_special_tokens=False)["input_ids"][-1]
        assert torch.equal(weights[tokenizer.convert_tokens_to_ids(text)], olds[second])
    ids = before("A red circle moves left, gray room. 12", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits[..., : len(olds)], old(ids).logits)
    assert [path.name for path in tmp_path.iterdir()] == ["lm"]


def test_a_tokenizer_that_does_not_know_the_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="numbers up to 1099"):
        with_slots(SOURCE, tmp_path / "lm", 1100)
    assert not (tmp_path / "lm").exists()
