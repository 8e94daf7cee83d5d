"""CLIP by open_clip, whose package is replaced by a stand-in: errors, identity, and vectors of unit length."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.build import build_clip
from models.identity import identify_clip
from schemas.configuration.model_config import OpenClip
from schemas.errors import ConfigError, PermanentError

CONFIG = OpenClip(engine="open_clip", model="ViT-B-32", pretrained="openai", batch=4)


def picture(red: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (48, 32), (red, 90, 200)).save(stream, "PNG")
    return stream.getvalue()


def stand_in(monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> list[dict[str, Any]]:
    """Install a package open_clip of this test; it records how checkpoints are loaded, or raises `error`."""
    torch = pytest.importorskip("torch")
    loaded: list[dict[str, Any]] = []

    class Model(torch.nn.Module):
        def encode_image(self, pictures: Any, normalize: bool) -> Any:
            assert len(pictures) <= CONFIG.batch
            return torch.nn.functional.normalize(pictures, dim=1) if normalize else pictures

        def encode_text(self, tokens: Any, normalize: bool) -> Any:
            assert normalize and len(tokens) <= CONFIG.batch
            return torch.nn.functional.normalize(tokens, dim=1)

    def create(model: str, **options: Any) -> tuple[Any, Any]:
        if error is not None:
            raise error
        loaded.append({"model": model, **options})
        return Model(), lambda image: torch.tensor(image.getpixel((0, 0))).float()

    package = ModuleType("open_clip")
    package.create_model_from_pretrained = create  # type: ignore[attr-defined]
    package.get_tokenizer = lambda _model: (
        lambda texts: torch.tensor(  # type: ignore[attr-defined]
            [[1.0, float(len(text)), 2.0] for text in texts]
        )
    )
    monkeypatch.setitem(sys.modules, "open_clip", package)
    return loaded


def test_a_package_that_cannot_be_imported_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ConfigError, match="install the extra `clip`"):
        build_clip(CONFIG)


def test_the_identity_is_known_without_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    assert identify_clip(CONFIG) == ("open_clip", "ViT-B-32", "openai")
    weights = tmp_path / "own.safetensors"
    weights.write_bytes(b"weights")
    named = f"own.safetensors-{hashlib.sha256(b'weights').hexdigest()[:12]}"
    assert identify_clip(CONFIG.model_copy(update={"pretrained": str(weights)})) == ("open_clip", "ViT-B-32", named)


def test_vectors_come_in_order_and_only_plain_tensors_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = stand_in(monkeypatch)
    clip = build_clip(CONFIG)
    assert loaded == [{"model": "ViT-B-32", "pretrained": "openai", "device": "cpu", "weights_only": True}]
    assert clip.name == "open_clip-ViT-B-32-openai"
    images = clip.embed_images([picture(red) for red in range(0, 250, 25)])
    texts = clip.embed_texts(["a" * length for length in range(1, 10)])
    assert images.dtype == texts.dtype == np.float32 and images.shape == (10, 3) and texts.shape == (9, 3)
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-6)
    raw = clip.raw_image_vectors([picture(red) for red in range(0, 250, 25)])
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    np.testing.assert_allclose(raw / lengths, images, atol=1e-6)
    assert lengths.min() > 2 and (np.diff(lengths, axis=0) > 0).all()
    assert (np.diff(images[:, 0]) > 0).all() and (np.diff(texts[:, 1]) > 0).all()
    assert len(clip.embed_images([])) == len(clip.embed_texts([])) == 0
    with pytest.raises(PermanentError, match="unreadable_picture"):
        clip.embed_images([b"no picture"])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("Unknown model"), "open_clip cannot load ViT-B-32 with openai: Unknown model"),
        (RuntimeError("operator torchvision::nms does not exist"), "torchvision does not fit this torch"),
    ],
)
def test_errors_of_loading_say_what_to_do(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    stand_in(monkeypatch, error)
    with pytest.raises(ConfigError, match=words):
        build_clip(CONFIG)
