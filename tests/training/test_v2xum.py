"""V2Xum: items and batches of the three tasks and of captions, a model from nothing, and its configurations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.summarizers.slots import SlotMap
from models.summarizers.v2xum_tokens import IGNORED
from schemas.configuration.loading import load_train_config
from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError
from schemas.repository import ROOT
from training.checkpoints import mark_finished
from training.examples import Example
from training.predict import predict
from training.recipe import recipe_of
from training.v2xum import V2XumRecipe, answer_of, linear_map, passed_slots

WIDTH = 5


class Vectors:
    """Vectors by the video's name, as Features gives them."""

    reads_speech = False

    def read(self, example: Example) -> np.ndarray[Any, np.dtype[np.float32]]:
        generator = np.random.default_rng(int(example.id))
        return generator.standard_normal((example.frames, WIDTH)).astype(np.float32)


def example(number: int, frames: int = 14) -> Example:
    chosen = (2, 3, 9)
    labels = np.zeros((1, frames), np.float32)
    labels[0, list(chosen)] = 1
    captions = tuple("" if frame == 4 else f"A man rests {frame}." for frame in range(frames))
    lines = (((2, 3), "A man appears."), ((9,), "A dog leaves."))
    text = "A man appears, and a dog leaves."
    return Example(str(number), "train", float(frames), np.arange(frames, dtype=float), labels, captions, text, lines)


EXAMPLES = [example(1), example(2, 30)]


def recipe(**section: Any) -> V2XumRecipe:
    own = {"width": 16, "layers": 1, "heads": 2, "vocabulary": 300}
    raw = {"kind": "v2xum", "language_model": own, "slots": 20, "answer_tokens": 40, **section}
    return V2XumRecipe(TrainConfig.model_validate({"name": "tiny", "summarizer": raw}), Vectors())  # type: ignore[arg-type]


def test_every_task_of_every_video_is_an_item_and_its_answer_alone_is_learned() -> None:
    own = recipe(tasks=["v2v", "v2t", "v2vt", "caption"])
    items = own.items(EXAMPLES)
    assert len(items) == 2 * 3 + 13 + 29  # frame 4 has no caption
    batch = own.collator()([items[0], items[2], items[5]])
    tokens = own.collator()._tokens
    wanted = ["[03][04][13]", "[03][04]A man appears. [13]A dog leaves.", "A man rests 2."]
    for row, text in enumerate(wanted):
        learned = batch["labels"][row][batch["labels"][row] != IGNORED]
        assert tokens.tokenizer.decode(learned[:-1]) == text and learned[-1] == tokens.end
        assert (batch["input_ids"][row][batch["labels"][row] != IGNORED] == learned).all()
    assert batch["frame_mask"].sum(dim=1).tolist() == [20, 20, 1]
    shown = SlotMap(20).shown(14)
    np.testing.assert_array_equal(batch["frames"][0], Vectors().read(EXAMPLES[0])[shown])
    np.testing.assert_array_equal(batch["frames"][2, 0], Vectors().read(EXAMPLES[0])[2])
    assert tokens.table.shape == (20, 1)  # a model from nothing has one token a slot
    assert own.lengths(items)[5] < own.lengths(items)[0]


def test_slots_that_an_earlier_sentence_passed_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    lines = (((2, 9), "A man appears."), ((5, 12), "A dog leaves."), ((9,), "It ends."))
    one = replace(example(1), interleaved=lines)
    assert passed_slots(one, SlotMap(20)) == 2  # of frame 5, and of frame 9 the second time
    assert passed_slots(EXAMPLES[1], SlotMap(20)) == 0
    recipe(tasks=["v2v"]).items([one])
    assert not caplog.text
    recipe().items([one, EXAMPLES[1]])
    assert "leave out 2 slots" in caplog.text and "in 1 of 2 videos (1, ...)" in caplog.text


class Still(Vectors):
    """A video that changes after its frame 40 alone."""

    def read(self, example: Example) -> np.ndarray[Any, np.dtype[np.float32]]:
        made = super().read(example)
        made[:40] = made[0]
        return made


def test_adaptive_slots_show_what_changes_and_answers_name_them() -> None:
    """Frames 0 to 39 are alike and 40 to 59 are not, so most slots show these, and a citation of 45 is near one."""
    one = replace(example(1, 60), interleaved=(((45,), "A man appears."),), labels=np.eye(60, dtype=np.float32)[45:46])
    own = recipe(frames="adaptive", tasks=["v2v", "v2vt"])
    own.features = Still()  # type: ignore[assignment]
    item = own.items([one])[0]
    assert len(item.seen) <= 20 and (item.seen >= 40).sum() > 10
    slot = item.lines[0][0][0]
    assert abs(item.seen[SlotMap(20).frame(slot, len(item.seen))] - 45) <= 1
    shown = Still().read(one)[item.seen[SlotMap(20).shown(len(item.seen))]]
    np.testing.assert_array_equal(item.vectors, shown)
    (answer,) = predict(own, own.build([one]), [one], 1)
    assert answer.predicted.scores is not None and len(answer.predicted.scores) == 60
    assert set(answer.predicted.keyframes) <= set(item.seen.tolist())


def test_a_prompt_that_does_not_fit_the_context_is_told(tmp_path: Path) -> None:
    own = recipe(answer_tokens=40)
    model = own.build(EXAMPLES)
    model.language_model.save_pretrained(tmp_path)
    model.tokens.tokenizer.save_pretrained(tmp_path)
    recipe(language_model=str(tmp_path)).build(EXAMPLES)
    with pytest.raises(ConfigError, match=r"summarizer\.slots"):
        recipe(language_model=str(tmp_path), answer_tokens=500).build(EXAMPLES)


@given(st.lists(st.tuples(st.lists(st.integers(0, 59), min_size=1, max_size=4), st.text("ab", min_size=1)), min_size=1))
def test_the_slots_of_an_answer_ascend_and_no_sentence_is_lost(lines: list[tuple[list[int], str]]) -> None:
    one = example(1, 60)
    cited = tuple((tuple(sorted(frames)), text) for frames, text in lines)
    mixed = Example("1", "train", 60.0, one.seconds, one.labels, (), "", cited)
    made = answer_of(mixed, "v2vt", SlotMap(10))
    slots = [slot for cites, _ in made for slot in cites]
    assert slots == sorted(set(slots)) and all(cites for cites, _ in made)
    assert sorted(" ".join(text for _, text in made).split()) == sorted(text for _, text in lines)
    assert set(slots) <= {SlotMap(10).of_frame(frame, 60) for frames, _ in lines for frame in frames}


def test_a_model_from_nothing_learns_and_comes_back_from_its_checkpoint(tmp_path: Path) -> None:
    own = recipe(tasks=["v2vt"])
    own.check(EXAMPLES)
    items = own.items(EXAMPLES)
    torch.manual_seed(0)
    model = own.build(EXAMPLES)
    batch = own.collator()([items[0], items[1]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    model.save_pretrained(tmp_path)
    mark_finished(tmp_path, {})
    again = recipe(tasks=["v2vt"])
    loaded = again.load(tmp_path)
    first = list(predict(own, model, EXAMPLES, 2))
    second = list(predict(again, loaded, EXAMPLES, 1))
    for one, two in zip(first, second, strict=True):
        assert one.predicted.keyframes == two.predicted.keyframes and one.predicted.text == two.predicted.text
        assert one.predicted.scores is not None and len(one.predicted.scores) == one.example.frames


def test_the_adapter_of_a_first_stage_is_taken_over(tmp_path: Path) -> None:
    stage = recipe(tasks=["caption"], train="adapter")
    stage.items(EXAMPLES)
    first = stage.build(EXAMPLES)
    assert {name for name, weights in first.named_parameters() if weights.requires_grad} == {
        "adapter.weight", "adapter.bias",
    }  # fmt: skip
    first.save_pretrained(tmp_path)
    mark_finished(tmp_path, {})
    second = recipe(adapter=str(tmp_path), train="language_model").build(EXAMPLES)
    assert torch.equal(second.adapter.weight, first.adapter.weight) and not second.adapter.weight.requires_grad
    assert not torch.equal(recipe().build(EXAMPLES).adapter.weight, first.adapter.weight)


def test_tasks_without_data_are_told_by_the_video() -> None:
    bare = Example("7", "train", 14.0, EXAMPLES[0].seconds, EXAMPLES[0].labels)
    with pytest.raises(ConfigError, match="video 7 has nothing for the task v2vt"):
        recipe(tasks=["v2vt"]).check([bare])
    with pytest.raises(ConfigError, match="video 7 has no captions"):
        recipe(tasks=["caption"]).check([bare])


def test_films_of_passages_follow_from_seed_epoch_and_name_and_validation_stays_as_it_is() -> None:
    """Whatever is in the batch and was drawn before; and each slot of an answer shows a frame that was chosen."""
    own, other = recipe(passages=3, tasks=["v2v", "v2vt"]), example(3)
    items = own.items([*EXAMPLES, other])
    own.build(EXAMPLES)  # `other` is no training film

    def batch(which: list[int], epoch: int) -> Any:
        torch.rand(1), np.random.random(1)
        made = own.collator()
        made.set_epoch(epoch)
        return made([items[place] for place in which])

    together, alone = batch([0, 2, 4], 5), batch([2], 5)
    assert torch.equal(together["frames"][1], alone["frames"][0])
    for epoch in range(1, 6):
        assert torch.equal(batch([4], epoch)["frames"], batch([4], 0)["frames"])
    drawn = [batch([2], epoch)["frames"] for epoch in range(6)]
    assert any(not torch.equal(drawn[0], one) for one in drawn[1:])
    chosen = {row.tobytes() for one in EXAMPLES for row in Vectors().read(one)[list(one.keyframes)]}
    tokens = own.collator()._tokens
    for epoch in range(6):
        made = batch([0], epoch)
        for token in made["labels"][0][made["labels"][0] != IGNORED][:-1].tolist():
            slot = int((tokens.table[:, 0] == token).argmax())
            assert made["frames"][0, slot].numpy().tobytes() in chosen


def test_noise_changes_what_is_seen_of_training_films_and_no_answer() -> None:
    quiet, noisy = (recipe(passages=3, noise=noise, tasks=["v2vt"]) for noise in (0, 0.1))
    made = []
    for own in (quiet, noisy):
        items = own.items(EXAMPLES)
        own.build(EXAMPLES[:1])
        made.append(own.collator()([items[0], items[1]]))
    assert torch.equal(made[0]["labels"], made[1]["labels"])
    apart = made[1]["frames"] - made[0]["frames"]
    assert 0.05 < float(apart[0].std()) < 0.2 and not apart[1].any()


def test_a_fitted_adapter_gives_a_frame_the_meaning_of_its_caption() -> None:
    """Where frames are a linear map of what captions mean, the adapter is its inverse."""
    generator = np.random.default_rng(0)
    truth = generator.standard_normal((7, 4)).astype(np.float32)
    given = generator.standard_normal((400, 4)).astype(np.float32)
    weight, bias = linear_map(given, given @ truth.T + 3)
    np.testing.assert_allclose(given @ weight.T + bias, given @ truth.T + 3, atol=0.1)
    fitted, fresh = recipe(fit_adapter=True), recipe()
    errors = []
    for own in (fitted, fresh):
        torch.manual_seed(0)
        model = own.build(EXAMPLES)
        table = model.get_input_embeddings().weight.detach()
        pairs = [(f, c) for e in EXAMPLES for f, c in zip(Vectors().read(e), e.captions, strict=True) if c]
        wanted = torch.stack([table[model.tokens.ids(caption)].mean(dim=0) for _, caption in pairs])
        made = model.adapter(torch.from_numpy(np.stack([frame for frame, _ in pairs]))).detach()
        errors.append(float((made - wanted).norm()))
    assert errors[0] < errors[1] / 2
    with pytest.raises(ConfigError, match="video 7 has no captions"):
        fitted.check([replace(EXAMPLES[0], id="7", captions=())])


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "train").glob("v2xum*.yaml")), ids=lambda path: path.stem)
def test_configurations_are_whole(path: Path) -> None:
    config = load_train_config(path)
    assert config.summarizer.kind == "v2xum" and config.features is not None
    assert isinstance(recipe_of(config, Vectors()), V2XumRecipe)  # type: ignore[arg-type]
