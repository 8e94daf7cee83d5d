"""A tiny image classifier with random weights, for tests of what scores nudity."""

from __future__ import annotations

from pathlib import Path

import pytest


def write_classifier(
    folder: Path, labels: tuple[str, ...] = ("cold", "hot"), seed: int = 0, **settings: object
) -> Path:
    """Write a ViT with these labels as a checkpoint of transformers; `settings` are those of ViTConfig."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

    torch.manual_seed(seed)
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
        initializer_range=0.5,
        **settings,
    )
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder; its labels are `cold` and `hot`."""
    return write_classifier(tmp_path_factory.mktemp("classifier") / "tiny-classifier")
