from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from demo.tiny_models.caption_data import make_shard

if TYPE_CHECKING:  # loaded where it is needed, not where tests are collected
    from demo.tiny_models.clip import Trainee


@pytest.fixture(scope="module")
def trainee() -> Trainee:
    import torch

    from demo.tiny_models.clip import Trainee

    torch.manual_seed(0)
    return Trainee()


@pytest.mark.slow
def test_training_steps_lower_the_loss(trainee: Trainee) -> None:
    import torch

    from demo.tiny_models.clip import Batch

    shard = make_shard(0, 32)
    pixels = torch.from_numpy(shard.pixels.astype(np.float32).transpose(0, 3, 1, 2) / 127.5 - 1)
    batch = Batch(pixels, torch.from_numpy(shard.slots), list(shard.captions))
    optimizer = torch.optim.AdamW(trainee.model.parameters(), lr=1e-3)
    losses = []
    for _ in range(8):
        loss = trainee.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_texts_end_with_the_mark_that_is_pooled_and_fit_the_context(trainee: Trainee) -> None:
    from demo.tiny_models.clip import CONTEXT

    tokenizer = trainee.processor.tokenizer
    rows = tokenizer(["A red circle.", "EXIT " * 200], padding=True, truncation=True)["input_ids"]
    assert all(len(row) == CONTEXT and row.count(tokenizer.eos_token_id) == 1 for row in rows)
    # Id 2 would make transformers pool at the largest id instead.
    assert trainee.model.config.text_config.eos_token_id == tokenizer.eos_token_id != 2


def test_own_wins_counts_what_it_says() -> None:
    from demo.tiny_models.clip import own_wins

    vectors = np.eye(6, dtype=np.float32)
    captions = ("a", "b", "c", "d", "e", "e")
    right = own_wins(vectors, vectors, captions)
    assert right["own_frame_wins"] == 1.0 and right["comparisons"] + right["left_out_same_caption"] == 6 * 16
    assert own_wins(vectors, np.roll(vectors, 1, axis=0), captions)["own_frame_wins"] < 0.5
