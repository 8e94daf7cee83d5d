"""Answers are always well formed, whatever the model wants, and every slot's probability is the exact one."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.summarizers.slots import SlotMap
from models.summarizers.v2xum_slots import AnswerForm
from models.summarizers.v2xum_tokens import V2XumTokens
from schemas.temporal_lenient import lenient_slots
from tests.models.summarizers.tiny_language_model import tokenizer, v2xum, vectors

TOKENS = {slots: V2XumTokens(tokenizer(), SlotMap(slots)) for slots in (10, 100, 1000)}


def written(tokens: V2XumTokens, question: Any, frames: int, seed: int, eager: float, steps: int = 60) -> list[int]:
    """An answer drawn from random logits; `eager`: how much the drawn model likes slots and the end."""
    form = AnswerForm(tokens, question, tokens.slots.needed(frames)[None])
    generator = torch.Generator().manual_seed(seed)
    ids: list[int] = []
    while len(ids) < steps and tokens.end not in ids:
        logits = torch.randn(1, len(tokenizer()) + 3, generator=generator) * 4
        logits[0, [*tokens.table[:, 0], tokens.end]] += eager
        masked = form(torch.tensor([ids], dtype=torch.long), logits)
        assert torch.isfinite(masked).any() and not torch.isfinite(masked[0, len(tokenizer()) :]).any()
        assert (masked[torch.isfinite(masked)] == logits[torch.isfinite(masked)]).all()
        ids.append(int(masked.argmax()))
    return ids


@given(st.sampled_from([10, 100, 1000]), st.integers(1, 1500), st.integers(0, 10**6), st.floats(0, 15))
@settings(deadline=None, max_examples=60)
def test_slots_ascend_and_exist_and_sentences_have_words(slots: int, frames: int, seed: int, eager: float) -> None:
    tokens = TOKENS[slots]
    ids = written(tokens, "v2vt", frames, seed, eager)
    if ids[-1] != tokens.end:
        return
    text = tokenizer().decode(ids[:-1])
    read = lenient_slots(text, slots)
    assert not read.problems and read.unread == 0 and read.lines
    cited = [slot for line in read.lines for slot in line.slots]
    assert cited == sorted(set(cited)) and tokens.slots.needed(frames)[cited].all()
    assert len(re.findall(r"\[", text)) == len(cited)
    assert all(line.text.strip() for line in read.lines)


@given(st.sampled_from([10, 100, 1000]), st.integers(1, 1500), st.integers(0, 10**6), st.floats(0, 15))
@settings(deadline=None, max_examples=40)
def test_keyframes_are_slots_and_nothing_else(slots: int, frames: int, seed: int, eager: float) -> None:
    tokens = TOKENS[slots]
    ids = written(tokens, "v2v", frames, seed, eager)
    whole = ids[:-1] if ids[-1] == tokens.end else ids[: len(ids) - len(ids) % tokens.table.shape[1]]
    text = tokenizer().decode(whole)
    assert re.fullmatch(rf"(\[[0-9]{{{len(str(slots - 1))}}}\])+", text)
    cited = [int(slot) for slot in re.findall(r"[0-9]+", text)]
    assert cited == sorted(set(cited)) and tokens.slots.needed(frames)[cited].all()
    chosen = [slot for _, _, slot in AnswerForm(tokens, "v2v", tokens.slots.needed(frames)[None]).decisions(ids)]
    assert chosen == cited + [slots] * (ids[-1] == tokens.end)


@pytest.mark.parametrize("question", ["v2t", "caption"])
def test_a_text_has_words_and_no_special_tokens(question: str) -> None:
    for seed in range(5):
        ids = written(TOKENS[10], question, 10, seed, 12.0)
        assert not TOKENS[10].special[[token for token in ids if token != TOKENS[10].end]].any()
        assert tokenizer().decode(ids).strip()


@pytest.mark.parametrize(
    ("slots", "frames", "question"), [(12, 30, "v2v"), (12, 7, "v2v"), (12, 30, "v2vt"), (101, 300, "v2v")]
)
def test_scores_are_those_of_reading_every_slot_after_every_slot(slots: int, frames: int, question: Any) -> None:
    """The oracle runs the model once for each slot and decision, over the whole text."""
    model = v2xum(seed=2, slots=slots, answer_tokens=24)
    tokens, shown = model.tokens, vectors(1, slots, seed=4)
    prompt = torch.from_numpy(tokens.prompt(question))[None]
    embeddings = model.embed(prompt, shown)
    allowed = tokens.slots.needed(frames)
    form = AnswerForm(tokens, question, allowed[None])
    ids: list[int] = []
    generator = torch.Generator().manual_seed(8)
    with torch.no_grad():
        while len(ids) < 24 and tokens.end not in ids:
            logits = _logits(model, embeddings, ids)[-1:]
            logits[:, tokens.table[:, 0]] += 400.0 if question == "v2vt" and len(ids) % 3 == 0 else 0.0
            masked = form(torch.tensor([ids], dtype=torch.long), logits)
            ids.append(int(torch.multinomial((masked / 20).softmax(-1), 1, generator=generator)))
        decisions = form.decisions(ids)
        assert len(decisions) > 1
        got = model._scores(embeddings, torch.tensor([ids]), [decisions], allowed[None])[0]
        together = 1.0
        for before, last, chosen in decisions:
            left = [slot for slot in range(last + 1, slots) if allowed[slot]]
            chances = {slot: _chance(model, embeddings, ids[:before], slot, left, last) for slot in left}
            passed = 0.0
            for slot in left:
                if slot <= chosen:
                    np.testing.assert_allclose(got[slot], chances[slot] / (1 - passed), rtol=2e-3, atol=1e-6)
                passed += chances[slot]
            together *= chances.get(chosen, 1 - sum(chances.values()))
    assert (got[~allowed] == 0).all()
    if ids[-1] == tokens.end:
        hit = np.isin(np.arange(slots), [chosen for _, _, chosen in decisions])
        np.testing.assert_allclose(np.prod(np.where(hit, got, 1 - got)), together, rtol=5e-3)


def _logits(model: Any, embeddings: torch.Tensor, ids: list[int]) -> torch.Tensor:
    given = model.get_input_embeddings()(torch.tensor([ids], dtype=torch.long))
    return model.language_model(inputs_embeds=torch.cat([embeddings, given], dim=1)).logits[0, -len(ids) - 1 :]


def _chance(model: Any, embeddings: torch.Tensor, ids: list[int], slot: int, left: list[int], last: int) -> float:
    """The probability of a slot after an answer so far: token by token, among those that may follow."""
    table = model.tokens.table
    row = table[slot].tolist()
    logits = _logits(model, embeddings, ids + row).double()[len(ids) :]
    chance = 1.0
    for depth, token in enumerate(row):
        may = {int(table[other, depth]) for other in left if table[other, :depth].tolist() == row[:depth]}
        may |= {model.tokens.end} if depth == 0 and last >= 0 else set()
        chance *= float(torch.softmax(logits[depth, sorted(may)], 0)[sorted(may).index(token)])
    return chance
