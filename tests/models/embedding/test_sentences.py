"""Embeddings: unit rows that do not depend on other rows, and similarities that order texts."""

import hashlib
import itertools
import math
import re
import subprocess
import sys
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.build import build_embedder
from models.embedding.sentences import NgramEmbedder
from schemas.configuration.model_config import NgramEmbedder as NgramConfig
from schemas.configuration.model_config import TransformersEmbedder as TransformersConfig
from schemas.errors import ConfigError

NGRAM = NgramEmbedder(4096)


@settings(max_examples=50)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_rows_are_unit_or_zero_and_independent(texts: list[str]) -> None:
    vectors = NGRAM.embed(texts)
    assert vectors.dtype == np.float32 and vectors.shape == (len(texts), 4096)
    norms = np.linalg.norm(vectors, axis=1)
    assert all(abs(n - 1) < 1e-5 or n == 0 for n in norms)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.array_equal(NGRAM.embed([text])[0], vector)


@given(st.text(max_size=60) | st.text("ab ", max_size=60))
@example("ab" * 30 + " aba aba ab")
def test_vectors_are_those_of_the_definition(text: str) -> None:
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())
    features = [
        feature
        for word in words
        for feature in [f"w {word}"]
        + [f"c {f' {word} '[at : at + n]}" for n in (3, 4, 5) for at in range(len(word) + 3 - n)]
    ] + [f"p {first} {second}" for first, second in itertools.pairwise(words)]
    vector = np.zeros(64, np.float32)
    for feature, count in Counter(features).items():
        number = int.from_bytes(
            hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
        )
        vector[(number >> 1) % 64] += (1 if number & 1 else -1) * (1 + math.log(count))
    norm = np.linalg.norm(vector[None], axis=1)[0]
    expected = vector / norm if norm else vector
    assert NgramEmbedder(64).embed([text])[0].tobytes() == expected.tobytes()


def test_near_texts_are_nearer_than_far_ones() -> None:
    texts = [
        "A man is chopping onions on a wooden board.",
        "A man is chopping onions on the wooden board",
        "a MAN is chopping  onions on a wooden board!",
        "A man is frying onions in a pan.",
        "Two dogs run along a beach at sunset.",
    ]
    similarity = NGRAM.embed(texts) @ NGRAM.embed(texts).T
    assert similarity[0, 2] > 0.999
    assert similarity[0, 1] > 0.9 > similarity[0, 3] > similarity[0, 4]
    assert abs(similarity[0, 4]) < 0.2


def test_the_hash_is_the_same_in_every_process() -> None:
    code = (
        "from models.embedding.sentences import NgramEmbedder as N\n"
        "print(N(64).embed(['a red circle']).tobytes().hex())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == NgramEmbedder(64).embed(["a red circle"]).tobytes().hex()


def test_light_modules_stay_light() -> None:
    code = "import sys, models.chat, models.build, models.reply_cache; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "llguidance"} & set(loaded)


def test_transformers_mean_pooling_matches_single_texts(text_checkpoint) -> None:
    embedder = build_embedder(TransformersConfig(engine="transformers", model=str(text_checkpoint)))
    texts = ["a red circle", "", "a blue square moves left on the gray floor", "...", "a red circle"]
    vectors = embedder.embed(texts)
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 0, 1], atol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.allclose(embedder.embed([text])[0], vector, atol=1e-5)
    assert vectors[0] @ vectors[4] > 0.9999 > vectors[0] @ vectors[2]
    assert embedder.name.startswith("transformers-tiny-text-")
    assert embedder.embed([]).shape[0] == 0


def test_build_embedder_and_its_errors(tmp_path) -> None:
    assert build_embedder(NgramConfig(dimensions=128)).name == "ngram-128.v1"
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ConfigError, match="nothing"):
        build_embedder(TransformersConfig(engine="transformers", model=str(tmp_path / "nothing")))
