"""Byte-level BPE tokenizers that are trained on the texts of a release, for language models that begin from nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def byte_pairs(texts: Iterable[str], vocabulary: int, special: Sequence[str], *, digits: bool = False) -> Any:
    """A tokenizer (of the package tokenizers) of at most `vocabulary` tokens that can write any text.

    The tokens `special` come first. The bytes and `special` are there even where `vocabulary` is smaller. With
    `digits`, no token has two digits.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False)
    split = [pre_tokenizers.Digits(individual_digits=True)] if digits else []
    made.pre_tokenizer = pre_tokenizers.Sequence([*split, whole])
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(special),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return made
