"""LLMVS: the states of a real, tiny language model; what is pooled, kept and read as a number; the head on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError
from schemas.repository import DATA
from tests.training.test_vtsum import example
from training.examples import Example
from training.hidden_states import HiddenStates, _number
from training.predict import predict
from training.recipe import recipe_of

PROMPT = "Rate +0.\n{{ captions }}\nAnswer:"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("states")
    (made / "short.v1.md").write_text(PROMPT)
    return made


def recipe(folder: Path, batch: int = 4, kept: str = "kept", **section: Any) -> Any:
    own = {"model": {"model": str(DATA / "demo" / "summarizer"), "batch": batch}, "prompt": str(folder / "short.v1.md")}
    own |= {"hidden_size": 32, "answer_tokens": 3, "folder": str(folder / kept), **section}
    return recipe_of(TrainConfig.model_validate({"name": "x", "summarizer": {"kind": "llmvs", **own}}), None)


def captioned(name: str, frames: int) -> Example:
    plain = example(name, frames)
    words = [f"A {'red' if on else 'blue'} square {'grows' if on else 'rests'}." for on in plain.labels[0]]
    return Example(name, "train", plain.duration, plain.seconds, plain.labels, tuple(words), plain.text)


def test_states_are_the_maxima_after_the_final_norm(folder: Path) -> None:
    """The oracle: one window alone, by the library's own hidden states."""
    made, one = recipe(folder), captioned("a", 9)
    states: HiddenStates = made._states
    kept = states.read(one)
    model, tokenizer = states._load()
    window = states.window(one.captions, 4)
    assert window.splitlines() == [f"{place - 4:+d} {one.captions[place]}" for place in range(1, 8)]
    text = states._text(tokenizer, window)
    inputs = tokenizer(text, return_tensors="pt", return_offsets_mapping=True, add_special_tokens=False)
    written = model.generate(inputs["input_ids"], max_new_tokens=3, do_sample=False)
    with torch.no_grad():
        hidden = model(written, output_hidden_states=True).hidden_states[-1][0]
    begin = text.index(window)
    asked = [i for i, (a, b) in enumerate(inputs["offset_mapping"][0]) if b > begin and a < begin + len(window)]
    np.testing.assert_allclose(kept.queries[4], hidden[asked].max(0).values.numpy(), atol=1e-4)
    answer = hidden[inputs["input_ids"].shape[1] :].max(0).values.numpy()
    np.testing.assert_allclose(kept.answers[4], answer, atol=1e-4)


def test_states_do_not_depend_on_the_batch_and_are_made_once(folder: Path) -> None:
    one = captioned("b", 6)
    first = recipe(folder)._states.read(one)
    kept = recipe(folder)._states
    kept._load = lambda: pytest.fail("the states are kept")
    assert np.array_equal(kept.read(one).queries, first.queries)
    alone = recipe(folder, batch=1, kept="alone")._states.read(one)
    np.testing.assert_allclose(alone.queries, first.queries, atol=1e-4)
    np.testing.assert_allclose(alone.answers, first.answers, atol=1e-4)
    np.testing.assert_array_equal(alone.numbers, first.numbers)


def test_other_captions_prompts_or_settings_are_other_files(folder: Path) -> None:
    one, states = captioned("c", 6), recipe(folder)._states
    others = [recipe(folder, window=3), recipe(folder, states="linear"), recipe(folder, prompt="importance.v1")]
    paths = {states.path(one), states.path(captioned("c", 7)), *(other._states.path(one) for other in others)}
    assert len(paths) == 5
    assert states.path(captioned("d", 6)) == states.path(one)  # the content decides, not the name


def test_every_row_has_its_states(folder: Path) -> None:
    one = captioned("e", 5)
    rows = {tokens: recipe(folder, tokens=tokens)._vectors(one) for tokens in ("queries", "answers", "both")}
    assert np.array_equal(rows["both"], np.maximum(rows["queries"], rows["answers"]))
    assert not np.array_equal(rows["queries"], rows["answers"])
    linear = recipe(folder, states="linear")
    assert linear._vectors(one).shape[1] == linear._states._load()[0].config.vocab_size


def test_a_head_learns_from_states(folder: Path) -> None:
    torch.manual_seed(0)
    made, some = recipe(folder, dropout=0.0, window=1), [captioned("f", 9), captioned("g", 14)]
    made.check(some)
    model, batch = made.build(some), made.collator()([*made.items(some)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(120):
        losses.append(float((loss := model(**batch).loss).detach()))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.5 * losses[0]
    assert [len(answer.predicted.scores) for answer in predict(made, model, some, 2)] == [9, 14]
    zero_shot = made.zero_shot(some, 0.15)
    assert [len(found.scores) for found in zero_shot] == [9, 14]


def test_numbers_are_shares_of_ten() -> None:
    assert [_number(answer) for answer in ("7", "Answer: 3.5.", "10", "0 of 10")] == [0.7, 0.35, 1.0, 0.0]
    assert np.isnan([_number(answer) for answer in ("", "high", "11")]).all()


def test_bad_input_is_told(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no captions"):
        recipe(folder).check([Example("h", "train", 2, np.arange(2.0), np.zeros((1, 2), np.float32))])
    states = recipe(folder)._states
    one = captioned("i", 4)
    states.path(one).parent.mkdir(exist_ok=True)
    states.path(one).write_bytes(b"PK")
    with pytest.raises(ConfigError, match="video i"):
        states.read(one)
    wordy = Example("w", "train", 7, np.arange(7.0), np.zeros((1, 7), np.float32), ("word " * 900,) * 7)
    with pytest.raises(ConfigError, match=r"video w.*summarizer\.window"):
        states.read(wordy)
