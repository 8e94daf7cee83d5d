"""V2Xum: what the loss sees, what padding and batches change (nothing), LoRA, and checkpoints."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import AutoConfig

from models.summarizers.v2xum import V2XumConfig, V2XumForSummarization
from models.summarizers.v2xum_tokens import FRAME, IGNORED
from schemas.errors import ConfigError
from tests.models.summarizers.tiny_language_model import WIDTH, language_model, tokenizer, v2xum, vectors

LINES = [((1, 4), "A man."), ((9,), "A sign reads 7.")]


def row(model: V2XumForSummarization, question: Any, lines: Any, longer: int = 0) -> dict[str, torch.Tensor]:
    """A batch of one, with `longer` padded places at its end."""
    prompt, answer = model.tokens.prompt(question), model.tokens.answer(lines)
    ids = np.concatenate([prompt, answer, np.full(longer, model.tokens.pad)])
    labels = np.full(len(ids), IGNORED)
    labels[len(prompt) : len(prompt) + len(answer)] = answer
    mask = np.arange(len(ids)) < len(prompt) + len(answer)
    given = {"input_ids": ids, "labels": labels, "attention_mask": mask.astype(np.int64)}
    return {name: torch.from_numpy(value)[None] for name, value in given.items()}


def test_the_loss_is_the_language_models_own_on_the_answer_alone() -> None:
    model = v2xum()
    batch, frames = row(model, "v2vt", LINES), vectors(1, 12)
    embeddings = model.get_input_embeddings()(batch["input_ids"].clamp(min=0)).clone()
    for place, at in enumerate((batch["input_ids"][0] == FRAME).nonzero().flatten().tolist()):
        embeddings[0, at] = model.adapter.weight @ frames[0, place] + model.adapter.bias
    logits = model.language_model(inputs_embeds=embeddings).logits[0]
    start = len(model.tokens.prompt("v2vt"))
    answer = batch["input_ids"][0, start:]
    wanted = functional.cross_entropy(logits[start - 1 : -1], answer)
    torch.testing.assert_close(model(frames=frames, **batch).loss, wanted)


def test_labels_outside_the_answer_count_for_nothing_and_every_one_inside_counts() -> None:
    model, frames = v2xum(), vectors(1, 12)
    batch = row(model, "v2vt", LINES)
    before = model(frames=frames, **batch).loss
    start = len(model.tokens.prompt("v2vt"))
    for place in range(start, batch["labels"].shape[1]):
        changed = batch["labels"].clone()
        changed[0, place] = (changed[0, place] + 1) % len(tokenizer())
        assert model(frames=frames, **{**batch, "labels": changed}).loss != before
    assert (batch["labels"][0, :start] == IGNORED).all()


def test_neither_padding_nor_the_other_rows_of_a_batch_change_anything() -> None:
    model = v2xum()
    frames = vectors(2, 12)
    short, long = row(model, "v2t", [((), "A man.")]), row(model, "v2vt", LINES)
    padded = row(model, "v2t", [((), "A man.")], long["input_ids"].shape[1] - short["input_ids"].shape[1])
    alone = model(frames=frames[:1], **short)
    torch.testing.assert_close(model(frames=frames[:1], **padded).loss, alone.loss)
    both = {name: torch.cat([padded[name], long[name]]) for name in padded}
    together = model(frames=frames, **both)
    counts = [int((each["labels"] != IGNORED).sum()) for each in (short, long)]
    losses = [alone.loss, model(frames=frames[1:], **long).loss]
    wanted = sum(count * loss for count, loss in zip(counts, losses, strict=True)) / sum(counts)
    torch.testing.assert_close(together.loss, wanted)


def test_rows_may_have_fewer_frames_than_others() -> None:
    model = v2xum()
    caption, whole = row(model, "caption", [((), "A man.")]), row(model, "v2vt", LINES)
    padded = row(model, "caption", [((), "A man.")], whole["input_ids"].shape[1] - caption["input_ids"].shape[1])
    both = {name: torch.cat([padded[name], whole[name]]) for name in padded}
    frames = vectors(2, 12)
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[0, 1:] = False
    embedded = model.embed(both["input_ids"], frames, mask)
    torch.testing.assert_close(embedded[1:], model.embed(whole["input_ids"], frames[1:]))
    torch.testing.assert_close(embedded[:1], model.embed(padded["input_ids"], frames[:1, :1]))
    with pytest.raises(ValueError, match="13 places for 24 frame vectors"):
        model.embed(both["input_ids"], frames)


@pytest.mark.parametrize("questions", [("v2vt",), ("v2v", "v2t")])
def test_a_video_is_summarized_alike_in_any_batch(questions: tuple[str, ...]) -> None:
    model = v2xum(seed=3, answer_tokens=40)
    frames, counts = vectors(3, 12, seed=5), [7, 12, 60]
    together = model.predict({"frames": frames, "counts": counts, "questions": questions})
    assert [len(each.scores) for each in together if each.scores is not None] == counts
    for at, count in enumerate(counts):
        (alone,) = model.predict({"frames": frames[at : at + 1], "counts": [count], "questions": questions})
        assert alone.keyframes == together[at].keyframes and alone.text == together[at].text
        assert alone.interleaved == together[at].interleaved
        np.testing.assert_allclose(alone.scores, together[at].scores, atol=1e-5)  # type: ignore[arg-type]
    assert {each.keyframes for each in together} != {together[0].keyframes}


def test_predicting_leaves_the_mode_and_the_weights_as_they_are() -> None:
    model = v2xum(answer_tokens=8).train()
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    model.predict({"frames": vectors(1, 12), "counts": [12], "questions": ("v2v",)})
    assert model.training
    assert all(torch.equal(weights, before[name]) for name, weights in model.state_dict().items())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("lora", [None, {"r": 2, "lora_alpha": 4, "lora_dropout": 0.05}])
def test_a_checkpoint_comes_back_to_the_bit(tmp_path: Path, lora: dict[str, Any] | None, tied: bool) -> None:
    model = v2xum(tied=tied, lora=lora, temporal_prompts=False)
    for weights in model.parameters():
        torch.nn.init.normal_(weights, 0, 0.3)
    model.save_pretrained(tmp_path)
    loaded, told = V2XumForSummarization.from_pretrained(tmp_path, output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    assert list(loaded.state_dict()) == list(model.state_dict())
    for name, weights in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weights), name
    batch, frames = row(model, "v2vt", LINES), vectors(1, 12)
    assert torch.equal(loaded.eval()(frames=frames, **batch).logits, model(frames=frames, **batch).logits)
    assert (loaded.tokens.table == model.tokens.table).all() and not loaded.tokens.temporal_prompts


def test_a_pretrained_language_model_keeps_its_weights_and_lora_begins_as_nothing() -> None:
    bare = language_model(7)
    before = {name: weights.clone() for name, weights in bare.state_dict().items()}
    ids = torch.arange(20)[None]
    wanted = bare(ids).logits
    model = V2XumForSummarization.over(bare, tokenizer(), feature_size=WIDTH, slots=12, lora={"r": 2})
    assert all(torch.equal(before[name.replace(".base_layer", "")], weights)
               for name, weights in bare.state_dict().items() if "lora_" not in name)  # fmt: skip
    assert torch.equal(model.language_model(ids).logits, wanted)


def trained(model: V2XumForSummarization) -> set[str]:
    return {name for name, weights in model.named_parameters() if weights.requires_grad}


def test_what_is_trained_is_what_was_chosen() -> None:
    full, tuned = v2xum(), v2xum(lora={"r": 2})
    full.train_parts(adapter=True, language_model=False)
    assert trained(full) == {"adapter.weight", "adapter.bias"}
    full.train_parts(adapter=False, language_model=True)
    assert trained(full) == {name for name, _ in full.named_parameters() if not name.startswith("adapter")}
    tuned.train_parts(adapter=True, language_model=True)
    names = trained(tuned)
    assert {name for name in names if "lora_" not in name} == {"adapter.weight", "adapter.bias"}
    assert len(names) == 2 + 2 * 7 * 2 and not any("lm_head" in name for name in names)  # A and B of all Linear


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_few_steps_of_lora_lower_the_loss_and_change_nothing_else(checkpointing: bool) -> None:
    model = v2xum(lora={"r": 4}).train()
    model.train_parts(adapter=False, language_model=True)
    if checkpointing:
        model.activation_checkpointing_enable()
        assert model.is_activation_checkpointing
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    batch, frames = row(model, "v2vt", LINES), vectors(1, 12)
    optimizer = torch.optim.AdamW([weights for weights in model.parameters() if weights.requires_grad], lr=0.02)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = model(frames=frames, **batch).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    changed = {name for name, weights in model.state_dict().items() if not torch.equal(weights, before[name])}
    assert changed == trained(model)


def test_half_precision_gives_a_finite_loss_and_valid_scores() -> None:
    model = v2xum(answer_tokens=20).to(torch.bfloat16)
    assert math.isfinite(model(frames=vectors(1, 12), **row(model, "v2vt", LINES)).loss.item())
    (one,) = model.predict({"frames": vectors(1, 12), "counts": [12], "questions": ("v2v",)})
    assert one.scores is not None and one.scores.max() > 0


def test_bad_sizes_are_told() -> None:
    for slots in (9, 1001):
        with pytest.raises(Exception, match=f"{slots} slots: a model can have 10 to 1000"):
            V2XumConfig(slots=slots)
    assert isinstance(AutoConfig.for_model("v2xum"), V2XumConfig)
    with pytest.raises(RuntimeError, match="no tokenizer"):
        _ = V2XumForSummarization(V2XumConfig(text_config=language_model().config)).tokens


def test_a_tokenizer_whose_slots_do_not_fit_is_told_at_once() -> None:
    from demo.tiny_models.tokenizer import build_tokenizer

    with pytest.raises(ConfigError, match="split unevenly"):
        V2XumForSummarization.over(language_model(), build_tokenizer(images=False), slots=100)
