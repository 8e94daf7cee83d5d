"""Trains VTSUM: vectors of frames, their labels, where events begin, and the text of the summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from models.summarizers.segmentation import kernel_segments
from models.summarizers.selection import unit_rows
from models.summarizers.vtsum import IGNORED, Vtsum, VtsumConfig
from schemas.configuration.summarizer_config import VtsumSection, VtsumText
from schemas.errors import ConfigError
from training.collate import Batch, pad
from training.examples import Example
from training.frame_items import FrameCollator, FrameItem, FrameItems, mean_labels
from training.recipe import Recipe

_PAD, _START, _END = "<pad>", "<s>", "</s>"
_Tokenizer: Any = AutoTokenizer  # the library does not annotate it


class VtsumCollator(FrameCollator):
    """Batches with `boundaries` and with `input_ids` and `text_labels`, of what the items have."""

    def __init__(self, seed: int, prompt: Sequence[int]) -> None:
        """`prompt`: the tokens before every text, which are not learned."""
        super().__init__(seed)
        self._prompt = tuple(prompt)

    def __call__(self, items: Sequence[FrameItem]) -> Batch:
        """A batch with labels."""
        batch = dict(super().__call__(items))
        if all(item.boundaries is not None for item in items):
            batch["boundaries"] = pad([cast("Any", item.boundaries) for item in items]).values
        if self._prompt:
            batch["input_ids"] = pad([np.array((*self._prompt, *item.text), np.int64) for item in items]).values
            learned = [np.array((*[IGNORED] * len(self._prompt), *item.text), np.int64) for item in items]
            batch["text_labels"] = pad(learned, IGNORED).values
        return batch


class VtsumRecipe(Recipe):
    """See Recipe."""

    kind = Vtsum
    _tokenizer: Any = None

    @property
    def _section(self) -> VtsumSection:
        return cast("VtsumSection", self.config.summarizer)

    def check(self, examples: Sequence[Example]) -> None:
        """Raise ConfigError for labels that are neither shares nor ratings, and for a text that is missing."""
        for example in examples:
            mean_labels(example)
            if self._section.text is not None and not example.text:
                raise ConfigError(f"video {example.id} has no text: set summarizer.text to null, or curate it again")

    def build(self, examples: Sequence[Example]) -> PreTrainedModel:
        """A new model, as wide as the tower; its tokenizer is trained on the texts of `examples`."""
        assert self.features is not None
        section = self._section
        values = section.model_dump(exclude={"kind", "text"})
        if section.share is None:
            values["share"] = float(np.mean([len(example.keyframes) / example.frames for example in examples]))
        if section.text is not None:
            values |= self._text_values(section.text, examples)
        width = self.features.read(examples[0]).shape[1]
        return self._with_words(Vtsum(VtsumConfig(feature_size=width, **values)))

    def load(self, folder: Path) -> PreTrainedModel:
        """A trained model with its tokenizer."""
        if self._section.text is not None:
            self._tokenizer = _Tokenizer.from_pretrained(folder)
        return self._with_words(cast("Vtsum", super().load(folder)))

    def save_also(self, folder: Path) -> None:
        """Put the tokenizer beside the weights."""
        if self._tokenizer is not None:
            self._tokenizer.save_pretrained(folder)

    def items(self, examples: Sequence[Example]) -> Sequence[Any]:
        """One item for each video, read lazily."""
        self._make_tokenizer(examples)
        return FrameItems(examples, self._item)

    def collator(self) -> VtsumCollator:
        """What makes batches."""
        return VtsumCollator(self.config.training.seed, self._prompt())

    def lengths(self, items: Sequence[Any]) -> Sequence[int]:
        """The frames of each item."""
        return [len(item.labels) for item in items]

    def _item(self, example: Example) -> FrameItem:
        assert self.features is not None
        section, vectors = self._section, self.features.read(example)
        boundaries: NDArray[np.float32] | None = None
        text: tuple[int, ...] = ()
        if section.segmentation == "learned":
            boundaries = np.zeros(len(vectors), np.float32)
            boundaries[list(kernel_segments(unit_rows(vectors), section.segmentation_penalty))] = 1
        if section.text is not None:
            text = tuple(self._tokens(example.text)[: section.text.most_tokens - 1])
            text = (*text, self._tokenizer.eos_token_id)
        return FrameItem(example.id, vectors, mean_labels(example), boundaries, text)

    def _tokens(self, text: str) -> list[int]:
        found: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    def _prompt(self) -> list[int]:
        text = self._section.text
        return [] if text is None else [self._tokenizer.bos_token_id, *self._tokens(text.prompt)]

    def _make_tokenizer(self, examples: Sequence[Example]) -> None:
        text = self._section.text
        if text is not None and self._tokenizer is None:
            texts = [example.text for example in examples]
            self._tokenizer = train_tokenizer([*texts, text.prompt], text.vocabulary)

    def _text_values(self, text: VtsumText, examples: Sequence[Example]) -> dict[str, Any]:
        self._make_tokenizer(examples)
        section, tokenizer = self._section, self._tokenizer
        decoder = {
            "vocab_size": len(tokenizer),
            "hidden_size": section.hidden_size,
            "num_hidden_layers": text.layers,
            "num_attention_heads": section.heads,
            "intermediate_size": section.inner_size,
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        }
        limits = {"beams": text.beams, "least_tokens": text.least_tokens, "most_tokens": text.most_tokens}
        return {"decoder": decoder, "prompt": self._prompt(), **limits}

    def _with_words(self, model: Vtsum) -> Vtsum:
        model.decode = None if self._tokenizer is None else self._tokenizer.decode
        return model


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE of `vocabulary` tokens at most (257 at least are bytes and marks), which can write any text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    own = Tokenizer(models.BPE())
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[_PAD, _START, _END], initial_alphabet=alphabet, show_progress=False
    )
    own.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=own, pad_token=_PAD, bos_token=_START, eos_token=_END)


RECIPE = VtsumRecipe
