"""Vision models alone: the class token of BLIP's and of other models, whole and as a captioner's part."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    LlamaConfig,
    LlamaForCausalLM,
    ViTConfig,
    ViTImageProcessorPil,
    ViTModel,
)

from models.build import build_tower
from models.identity import identify_clip
from schemas.configuration.model_config import VisionTower
from schemas.errors import ConfigError
from tests.curation.samples import picture

SMALL: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
PICTURES = [picture(number) for number in range(5)]


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A captioner of BLIP's form with random weights: it has no projection and no pooler."""
    folder = tmp_path_factory.mktemp("blip") / "tiny-blip"
    torch.manual_seed(0)
    vision = {**SMALL, "image_size": 32, "patch_size": 16}
    text = {**SMALL, "vocab_size": 20, "encoder_hidden_size": 16}
    BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    BlipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def test_the_vector_of_blip_is_its_class_token(blip: Path) -> None:
    tower = build_tower(VisionTower(engine="vision", model=str(blip), batch=2))
    vectors = tower.raw_image_vectors(PICTURES)
    assert vectors.shape == (5, 16) and vectors.dtype == np.float32
    model = BlipForConditionalGeneration.from_pretrained(blip).eval()

    images = [Image.open(io.BytesIO(each)) for each in PICTURES]
    inputs = BlipImageProcessorPil.from_pretrained(blip)(images=images, return_tensors="pt")
    with torch.no_grad():
        states = model.vision_model(**inputs).last_hidden_state
    assert np.allclose(vectors, states[:, 0].numpy(), atol=1e-5)
    assert tower.name == "-".join(
        ("vision", "tiny-blip", identify_clip(VisionTower(engine="vision", model=str(blip)))[2][:12])
    )
    assert tower.raw_image_vectors([]).shape == (0, 16)


def test_a_vision_model_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    ViTModel(ViTConfig(**SMALL, image_size=32, patch_size=16), add_pooling_layer=False).save_pretrained(
        tmp_path / "vit"
    )
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(tmp_path / "vit")
    vectors = build_tower(VisionTower(engine="vision", model=str(tmp_path / "vit"))).raw_image_vectors(PICTURES)
    assert vectors.shape == (5, 16) and np.std(vectors, axis=0).max() > 0


def test_a_language_model_is_told(tmp_path: Path, blip: Path) -> None:
    config = LlamaConfig(**SMALL, vocab_size=20)
    LlamaForCausalLM(config).save_pretrained(tmp_path / "llm")
    with pytest.raises(ConfigError, match="llm"):
        build_tower(VisionTower(engine="vision", model=str(tmp_path / "llm")))
    with pytest.raises(ConfigError, match="no checkpoint folder"):
        build_tower(VisionTower(engine="vision", model=str(tmp_path / "gone")))
