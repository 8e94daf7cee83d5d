"""LLMVS: the states of a real, tiny language model; what is pooled, kept and read as a number; the head on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import prompts
from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError, Interrupted
from schemas.repository import DATA
from tests.training.test_vtsum import example
from training import hidden_states
from training.examples import Example
from training.features import MissingFeature
from training.hidden_states import HiddenStates, States, _number
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


def states_of(made: Any, example: Example) -> States:
    made.prepare([example])
    return made._states.read(example)


def captioned(name: str, frames: int) -> Example:
    plain = example(name, frames)
    words = [f"A {'red' if on else 'blue'} square {'grows' if on else 'rests'}." for on in plain.labels[0]]
    return Example(name, "train", plain.duration, plain.seconds, plain.labels, tuple(words), plain.text)


@pytest.mark.parametrize("prompt", ["", "importance.v1"])
def test_states_are_the_maxima_after_the_final_norm(folder: Path, prompt: str) -> None:
    """The oracle: one window alone, by the library's own hidden states."""
    made, one = recipe(folder, **({"prompt": prompt} if prompt else {})), captioned("a", 9)
    made.prepare([one])
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


def test_the_instruction_is_read_once(folder: Path) -> None:
    """The tokens that every window begins with go through the model alone; all later passes begin after them."""
    made = recipe(folder, kept="once", prompt="importance.v1")
    model, tokenizer = made._states._load()
    read: list[int] = []
    model.base_model.register_forward_pre_hook(
        lambda _, args, kwargs: read.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    made.prepare([captioned("n", 9), captioned("m", 6)])
    instruction = len(tokenizer(prompts.load("importance.v1").own, add_special_tokens=False)["input_ids"])
    assert read[0] > 0.9 * instruction
    assert max(read[1:]) < instruction / 2


def test_a_window_that_repeats_is_read_once(folder: Path) -> None:
    """A still scene of 30 seconds has one window for each distance to its ends, and one for all seconds between."""
    still = replace(captioned("s", 30), captions=("A red square rests.",) * 30)
    made = recipe(folder, kept="still", batch=32)
    model, _ = made._states._load()
    rows: list[int] = []
    model.base_model.register_forward_pre_hook(
        lambda _, args, kwargs: rows.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    states = states_of(made, still)
    assert max(rows) == 3 + 1 + 3 and len(states.numbers) == 30
    assert np.array_equal(states.queries[3], states.queries[20]) and not np.array_equal(*states.queries[[2, 3]])


def test_states_are_made_with_progress_and_stop(folder: Path) -> None:
    made, some = recipe(folder, kept="stopped"), [captioned("o", 5), captioned("p", 9), captioned("q", 4)]
    told: list[tuple[int, int]] = []

    def stop_after_one() -> None:
        if told:
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        made.prepare(some, stop_after_one, lambda done, of: told.append((done, of)))
    assert told == [(1, 3)] and made.missing(some) == some[1:]
    with pytest.raises(MissingFeature, match="video p has no hidden states"):
        made.items(some)[1]
    made.prepare(some, on_video=lambda done, of: told.append((done, of)))
    assert told[1:] == [(1, 2), (2, 2)] and not made.missing(some)
    assert made._states._loaded is None  # the memory is the training's


def test_states_do_not_depend_on_the_batch_and_are_made_once(folder: Path) -> None:
    one = captioned("b", 6)
    first = states_of(recipe(folder), one)
    kept = recipe(folder)
    kept._states._load = lambda: pytest.fail("the states are kept")
    assert np.array_equal(states_of(kept, one).queries, first.queries)
    alone = states_of(recipe(folder, batch=1, kept="alone"), one)
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
    recipe(folder).prepare([one])
    rows = {tokens: recipe(folder, tokens=tokens).vectors(one) for tokens in ("queries", "answers", "both")}
    assert np.array_equal(rows["both"], np.maximum(rows["queries"], rows["answers"]))
    assert not np.array_equal(rows["queries"], rows["answers"])
    linear = recipe(folder, states="linear")
    linear.prepare([one])
    assert linear.vectors(one).shape[1] == linear._states._load()[0].config.vocab_size


def test_a_head_learns_from_states(folder: Path) -> None:
    torch.manual_seed(0)
    made, some = recipe(folder, dropout=0.0, window=1), [captioned("f", 9), captioned("g", 14)]
    made.check(some)
    made.prepare(some)
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
    assert list(made.compared(some, 0.15)) == ["zero_shot"]


def test_answers_without_a_number_score_0_and_are_counted(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, some = recipe(folder, kept="numbers"), [captioned("r", 5), captioned("s", 4)]
    said = iter(["7", "no idea", "10", "11", "0"] + ["3"] * 4)
    monkeypatch.setattr(hidden_states, "_number", lambda answer: _number(next(said)))
    made.prepare(some)
    assert made.unreadable(some) == 2
    first = made.zero_shot(some, 0.4)[0]
    assert first.scores.tolist() == pytest.approx([0.7, 0, 1, 0, 0]) and first.keyframes == (0, 2)
    assert "2 of 9 answers" in caplog.text
    assert made.lengths(made.items(some)) == [5, 4]


def test_numbers_are_shares_of_ten() -> None:
    assert [_number(answer) for answer in ("7", "Answer: 3.5.", "10", "0 of 10")] == [0.7, 0.35, 1.0, 0.0]
    assert np.isnan([_number(answer) for answer in ("", "high", "11", "-3")]).all()


def test_bad_input_is_told(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no captions"):
        recipe(folder).check([Example("h", "train", 2, np.arange(2.0), np.zeros((1, 2), np.float32))])
    states = recipe(folder)._states
    one = captioned("i", 4)
    states.path(one).parent.mkdir(exist_ok=True)
    for damage in (b"PK", b""):
        states.path(one).write_bytes(damage)
        with pytest.raises(MissingFeature, match="video i"):
            states.read(one)
    wordy = Example("w", "train", 7, np.arange(7.0), np.zeros((1, 7), np.float32), ("word " * 900,) * 7)
    with pytest.raises(ConfigError, match=r"video w.*summarizer\.window"):
        states.make([wordy])
    with pytest.raises(ValueError, match="divide"):
        recipe(folder, hidden_size=32, heads=3)
    with pytest.raises(ValueError, match="odd"):
        recipe(folder, window=4)
