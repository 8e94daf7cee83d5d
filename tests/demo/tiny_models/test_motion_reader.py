"""Captioners that read films without marks: the tokens of production, a loss that falls, a checkpoint that loads."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from curation.text.clips import schema_of
from demo.tiny_models.batches import normalized
from demo.tiny_models.caption_data import SIDE
from demo.tiny_models.motion_data import WINDOW, Asked, Unit, asked, make_windows
from demo.tiny_models.motion_reader import MotionReader, train
from models.chat import Request, Shown
from models.local.chat_model import LocalChatModel
from prompts import load
from schemas.configuration.model_config import LocalModel
from schemas.repository import DATA

SOURCE = DATA / "demo" / "captioner"
WINDOWS = make_windows(3, 8)


def jpeg(pixels: np.ndarray) -> bytes:
    store = io.BytesIO()
    Image.fromarray(pixels).save(store, "JPEG", quality=95)
    return store.getvalue()


def request(one: Asked, window: int, unit: Unit) -> Request:
    pictures = [jpeg(WINDOWS.pixels[window, place]) for place in one.shown]
    if unit == "frame":
        return Request(load("caption-tiny.v1").render(), pictures[0], None, 48)
    clip = tuple(Shown(name, picture) for name, picture in zip(one.names, pictures, strict=True))
    return Request(
        load("caption-clip-tiny.v1").render(), None, schema_of([*json.loads(one.answer)], 192), 400, clip=clip
    )


def losses(reader: MotionReader) -> float:
    pixels = normalized(WINDOWS.pixels.reshape(-1, SIDE, SIDE, 3)).reshape(
        len(WINDOWS.pixels), WINDOW + 1, 3, SIDE, SIDE
    )
    torch.manual_seed(0)
    with torch.no_grad():
        return reader.loss([asked(WINDOWS, place, reader.unit, 4) for place in range(len(pixels))], pixels).item()


@pytest.mark.parametrize("unit", get_args(Unit))
def test_a_request_has_the_tokens_of_production(unit: Unit) -> None:
    reader, model = MotionReader(SOURCE, unit), LocalChatModel(LocalModel(model=str(SOURCE)))
    for size in (1, 4):
        for one in asked(WINDOWS, 1, unit, size)[:2]:
            (reply,) = model.complete([request(one, 1, unit)])
            assert reply.tokens_in == len(reader.prompt_ids(one))


@pytest.mark.slow
@pytest.mark.parametrize("unit", get_args(Unit))
def test_steps_lower_the_loss_and_production_loads_the_checkpoint(tmp_path: Path, unit: Unit) -> None:
    before = losses(MotionReader(SOURCE, unit))
    train(SOURCE, tmp_path / unit, unit, steps=30)
    assert [path.name for path in tmp_path.iterdir()] == [unit]
    assert losses(MotionReader(tmp_path / unit, unit)) < (0.95 if unit == "frame" else 0.6) * before
    model = LocalChatModel(LocalModel(model=str(tmp_path / unit)))
    one = asked(WINDOWS, 0, unit, 2)[1]
    (reply,) = model.complete([request(one, 0, unit)])
    assert reply.text if unit == "frame" else [*json.loads(reply.text)] == [*json.loads(one.answer)]
