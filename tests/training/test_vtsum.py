"""VTSUM from examples to a checkpoint with its tokenizer; its items, batches and configurations."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from schemas.configuration.loading import load_train_config
from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError
from schemas.repository import ROOT
from training import vtsum
from training.checkpoints import mark_finished
from training.examples import Example
from training.frame_items import mean_labels
from training.predict import predict
from training.recipe import recipe_of

SMALL = {
    **{"hidden_size": 16, "heads": 2, "inner_size": 32, "segmentation": "learned", "share": None},
    "text": {"layers": 1, "vocabulary": 300, "least_tokens": 2, "most_tokens": 8, "beams": 2},
}


class Drawn:
    """Vectors that follow from the labels."""

    reads_speech = False

    def read(self, example: Example) -> Any:
        noise = np.random.default_rng(len(example.seconds)).normal(size=(example.frames, 6))
        return np.float32(noise + 4 * example.labels.mean(0)[:, None])


def example(name: str, frames: int, text: str = "A dog runs. A cat sleeps.") -> Example:
    labels = np.zeros((2, frames), np.float32)
    labels[:, 1::4] = 1
    return Example(name, "train", float(frames), np.arange(float(frames)), labels, ("a",) * frames, text)


def recipe(**section: Any) -> Any:
    said = {"name": "x", "summarizer": {"kind": "vtsum", **SMALL, **section}, "features": {
        "tower": {"engine": "vision", "model": "unused"}}}  # fmt: skip
    return recipe_of(TrainConfig.model_validate(said), Drawn())  # type: ignore[arg-type]


EXAMPLES = [example("a", 12), example("b", 7, "A bird flies."), example("c", 21)]


def test_it_learns_and_its_checkpoint_answers_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = recipe()
    model = made.build(EXAMPLES)
    batch = made.collator()([*made.items(EXAMPLES)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    losses = []
    for _ in range(30):
        output = model(**batch)
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append([float(part.detach()) for part in (output.video_loss, output.text_loss, output.boundary_loss)])
    assert (np.array(losses[-1]) < 0.9 * np.array(losses[0])).all()
    model.save_pretrained(tmp_path)
    made.save_also(tmp_path)
    mark_finished(tmp_path, {})
    fresh = recipe()
    expected = [answer.predicted for answer in predict(made, model, EXAMPLES, 2)]
    for answer, other in zip(predict(fresh, fresh.load(tmp_path), EXAMPLES, 3), expected, strict=True):
        assert answer.predicted.scores == pytest.approx(other.scores, abs=1e-5)
        assert answer.predicted.text and answer.predicted.text == other.text
        assert len(answer.predicted.keyframes) == max(1, int(fresh.load(tmp_path).config.share * len(other.scores)))


def test_only_the_text_and_its_end_are_learned() -> None:
    made = recipe()
    items = [*made.items(EXAMPLES)]  # the texts of the first items make the tokenizer
    batch = made.collator()(items)
    tokenizer = made._tokenizer
    for ids, labels, one in zip(batch["input_ids"], batch["text_labels"], EXAMPLES, strict=True):
        learned = ids[labels != -100].tolist()
        assert (labels[labels != -100] == ids[labels != -100]).all()
        assert learned[-1] == tokenizer.eos_token_id and one.text.startswith(tokenizer.decode(learned[:-1]))
        given = made.items(EXAMPLES)[0].given
        assert tokenizer.decode(ids[:given]) == "<s>a video of " and (labels[:given] == -100).all()
    assert set(made.collator().questions(items)) == {"features", "mask"}


def test_batches_need_nothing_but_items() -> None:
    items = [*recipe().items(EXAMPLES)]
    assert {"boundaries", "text_labels"} <= set(recipe().collator()(items))


def test_texts_that_are_cut_are_told(caplog: pytest.LogCaptureFixture) -> None:
    recipe().items([example("a", 5, "A dog runs." * 20), example("b", 5, "Ah.")])
    assert "1 of 2 texts (a, ...)" in caplog.text and "most_tokens, 8" in caplog.text
    with pytest.raises(ValueError, match="least_tokens"):
        recipe(text={"least_tokens": 9, "most_tokens": 8})


def test_events_are_found_once_and_only_for_training(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    monkeypatch.setattr(vtsum, "kernel_segments", lambda rows, penalty: (found.append(len(rows)), (0,))[1])
    made = recipe()
    assert made.lengths(made.items(EXAMPLES)) == [12, 7, 21]
    assert [item.boundaries for item in made.questions(EXAMPLES)] == [None] * 3 and not found
    for _epoch in range(2):
        assert len([*made.items(EXAMPLES)]) == 3
    assert found == [12, 7, 21]


def test_events_begin_where_the_vectors_change() -> None:
    item = recipe(segmentation_penalty=0.0).items(EXAMPLES)[0]
    assert item.boundaries is not None and item.boundaries[0] == 1
    assert recipe(segmentation="none").items(EXAMPLES)[0].boundaries is None


def test_labels_are_means_and_ratings_become_shares() -> None:
    assert mean_labels(EXAMPLES[0])[:3].tolist() == [0, 1, 0]
    rated = Example("r", "train", 3, np.arange(3.0), np.array([[1, 3, 5], [1, 5, 5]], np.float32))
    assert mean_labels(rated).tolist() == [0, 0.75, 1]
    with pytest.raises(ConfigError, match="ratings"):
        mean_labels(Example("r", "train", 1, np.arange(1.0), np.array([[7.0]], np.float32)))


def test_a_video_without_text_is_told() -> None:
    with pytest.raises(ConfigError, match="video d has no text"):
        recipe().check([example("d", 5, "")])
    recipe(text=None).check([example("d", 5, "")])


ROWS = [
    (path.name, line)
    for path in sorted((ROOT / "configs" / "train").glob("*.yaml"))
    for line in path.read_text().splitlines()
    if line.startswith("#   ") or line.startswith("name:")
]


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_every_row_of_the_tables_is_a_configuration(name: str, row: str) -> None:
    changes = re.findall(r"--set (\S+)", row)
    config = load_train_config(ROOT / "configs" / "train" / name, changes)
    plain = load_train_config(ROOT / "configs" / "train" / name)
    assert (config != plain) == bool(changes)
