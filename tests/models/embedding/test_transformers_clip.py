"""CLIP by transformers: the demo's checkpoint knows its own frames, and any text or picture is handled."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from demo.render import draw
from demo.world import make_script
from models.build import build_clip
from models.clip import Clip
from models.decode_picture import presentable
from models.identity import identify_clip
from schemas.configuration.model_config import TransformersClip
from schemas.errors import ConfigError, PermanentError
from schemas.repository import DATA

FOLDER = DATA / "demo" / "clip"
HELD_OUT = 70_000_000


def jpeg(image: Image.Image, form: str = "JPEG") -> bytes:
    store = io.BytesIO()
    image.save(store, form)
    return store.getvalue()


@pytest.fixture(scope="session")
def clip() -> Clip:
    return build_clip(TransformersClip(engine="transformers", model=str(FOLDER), batch=8))


@pytest.fixture(scope="session")
def world() -> tuple[list[bytes], list[str]]:
    """Frames of held-out videos, compressed as JPEG, and what they show."""
    scripts = [make_script(HELD_OUT + number) for number in range(24)]
    moments = [(script, second) for script in scripts for second in (2, script.duration // 2)]
    return [jpeg(draw(*moment)) for moment in moments], [script.captions[second] for script, second in moments]


def test_captions_are_nearer_to_their_own_frame(clip: Clip, world: tuple[list[bytes], list[str]]) -> None:
    images, captions = world
    similar = clip.embed_texts(captions) @ clip.embed_images(images).T
    others = [(i, j) for i, one in enumerate(captions) for j, other in enumerate(captions) if one != other]
    wins = [similar[i, i] > similar[i, j] for i, j in others if i // 2 != j // 2]
    assert np.mean(wins) >= 0.99


def test_vectors_are_of_unit_length_and_do_not_depend_on_the_batch(
    clip: Clip, world: tuple[list[bytes], list[str]]
) -> None:
    images, captions = world
    for embed, items in ((clip.embed_images, images[:11]), (clip.embed_texts, captions[:11])):
        together = embed(items)  # type: ignore[operator]
        alone = np.concatenate([embed([item]) for item in items])  # type: ignore[operator]
        assert together.dtype == np.float32 and together.shape == (11, 64)
        np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(together, alone, atol=1e-5)
    assert clip.embed_images([]).shape == clip.embed_texts([]).shape == (0, 64)
    raw = clip.raw_image_vectors(images[:11])
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    np.testing.assert_allclose(raw / lengths, clip.embed_images(images[:11]), atol=1e-5)
    assert np.ptp(lengths) > 1e-3 and clip.raw_image_vectors([]).shape == (0, 64)


@given(st.text(st.characters(exclude_categories=[]), max_size=300))
@settings(max_examples=30)
def test_any_text_has_a_vector(clip: Clip, text: str) -> None:
    (vector,) = clip.embed_texts([text])
    assert np.isfinite(vector).all() and abs(np.linalg.norm(vector) - 1) < 1e-4


def test_a_text_is_cut_at_the_context(clip: Clip) -> None:
    long = "A red circle rests on the left, " * 30
    one, other = clip.embed_texts([long + "gray room.", long * 20 + "EXIT"])
    np.testing.assert_allclose(one, other, atol=1e-6)


@given(st.sampled_from(["JPEG", "PNG"]), st.integers(0, 2**32), st.integers(0, 40))
@settings(max_examples=40)
def test_broken_pictures_are_refused_or_read(clip: Clip, form: str, seed: int, faults: int) -> None:
    rng = random.Random(seed)
    data = bytearray(jpeg(draw(make_script(HELD_OUT), 3).resize((80, 60)), form))
    for _ in range(faults):
        data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.3:
        del data[rng.randrange(len(data)) :]
    try:
        vectors = clip.embed_images([bytes(data)])
    except PermanentError as error:
        assert error.reason == "unreadable_picture"
    else:
        assert np.isfinite(vectors).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 1), (60_000, 1), (2, 2)])
def test_odd_shapes_become_presentable(clip: Clip, size: tuple[int, int]) -> None:
    picture = presentable(Image.new("RGB", size, (200, 10, 10)))
    assert min(picture.size) >= 16 and max(picture.size) <= 4 * min(picture.size)
    assert np.isfinite(clip.embed_images([jpeg(Image.new("RGB", size, (200, 10, 10)), "PNG")])).all()


def test_the_identity_is_known_without_loading(clip: Clip) -> None:
    config = TransformersClip(engine="transformers", model=str(FOLDER))
    engine, name, revision = identify_clip(config)
    assert clip.name == f"{engine}-{name}-{revision[:12]}" and name == "clip"


def test_a_checkpoint_that_is_missing_or_no_clip_is_refused(text_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tiny-text"):
        build_clip(TransformersClip(engine="transformers", model=str(text_checkpoint)))
    with pytest.raises(ConfigError, match="missing"):
        build_clip(TransformersClip(engine="transformers", model=str(tmp_path / "missing")))


def test_siglip_loads_and_pads_as_it_was_trained(tmp_path: Path) -> None:
    import torch
    from transformers import AutoTokenizer, SiglipConfig, SiglipImageProcessorPil, SiglipModel

    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    shared = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**shared, "vocab_size": len(tokenizer), "max_position_embeddings": 20, "projection_size": 32}
    torch.manual_seed(0)
    SiglipModel(
        SiglipConfig(text_config=text, vision_config={**shared, "image_size": 32, "patch_size": 8})
    ).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    siglip = build_clip(TransformersClip(engine="transformers", model=str(tmp_path)))
    pictures = siglip.embed_images([jpeg(Image.new("RGB", (40, 30), (9, 90, 200)))])
    alone = siglip.embed_texts(["A red circle."])
    beside_a_longer = siglip.embed_texts(["A red circle.", "A red circle rests on the left, gray room."])
    assert pictures.shape == alone.shape == (1, 32)
    np.testing.assert_allclose(alone[0], beside_a_longer[0], atol=1e-6)


def test_the_committed_files_name_no_machine() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.iterdir() if path.suffix in (".json", ".md")]
    assert not any(needle in text for text in texts for needle in ("/tmp/", "/home/", "/root/", "/work/"))
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_100_000
