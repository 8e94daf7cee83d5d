"""Trains VTSUM: vectors of frames, their labels, where events begin, and the text of the summary."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from models.identity import checkpoint_errors
from models.summarizers.segmentation import kernel_segments
from models.summarizers.selection import unit_rows
from models.summarizers.vtsum import Vtsum, VtsumConfig
from schemas.configuration.summarizer_config import VtsumSection, VtsumText
from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError
from training.byte_pairs import byte_pairs
from training.collate import Items
from training.examples import Example, mean_share
from training.features import Features
from training.frame_items import FrameItem, FrameRecipe

_PAD, _START, _END = "<pad>", "<s>", "</s>"
_Tokenizer: Any = AutoTokenizer  # the library does not annotate it
_log = logging.getLogger(__name__)


class VtsumRecipe(FrameRecipe):
    """See Recipe."""

    kind = Vtsum
    _tokenizer: Any = None

    def __init__(self, config: TrainConfig, features: Features | None) -> None:
        """Keep the configuration and the vectors."""
        super().__init__(config, features)
        self._section = cast("VtsumSection", config.summarizer)
        self._events: dict[str, tuple[int, ...]] = {}

    def check(self, examples: Sequence[Example]) -> None:
        """Raise ConfigError for labels that are neither shares nor ratings, and for a text that is missing."""
        super().check(examples)
        for example in examples:
            if self._section.text is not None and not example.text:
                raise ConfigError(f"video {example.id} has no text: set summarizer.text to null, or curate it again")

    def build(self, examples: Sequence[Example]) -> PreTrainedModel:
        """A new model, as wide as the tower; its tokenizer is trained on the texts of `examples`."""
        section = self._section
        values = section.model_dump(exclude={"kind", "text"})
        if section.share is None:
            values["share"] = mean_share(examples)
        if section.text is not None:
            values |= self._text_values(section.text, examples)
        return self._with_words(Vtsum(VtsumConfig(feature_size=self.vectors(examples[0]).shape[1], **values)))

    def load(self, folder: Path) -> PreTrainedModel:
        """A trained model with its tokenizer."""
        model = cast("Vtsum", super().load(folder))
        if self._section.text is not None:
            with checkpoint_errors(str(folder)):
                self._tokenizer = _Tokenizer.from_pretrained(folder)
        return self._with_words(model)

    def save_also(self, folder: Path) -> None:
        """Put the tokenizer beside the weights."""
        if self._tokenizer is not None:
            self._tokenizer.save_pretrained(folder)

    def vectors(self, example: Example) -> NDArray[np.float32]:
        """The vectors of the tower."""
        assert self.features is not None
        return self.features.read(example)

    def items(self, examples: Sequence[Example]) -> Items:
        """One item for each video, read lazily. Texts that are longer than the decoder writes are cut, and counted."""
        if (text := self._section.text) is not None:
            self._make_tokenizer(text, examples)
            cut = [example.id for example in examples if len(self._tokens(example.text)) >= text.most_tokens]
            if cut:
                told = (
                    "%d of %d texts (%s, ...) have more tokens than summarizer.text.most_tokens, %d: their ends are cut"
                )
                _log.warning(told, len(cut), len(examples), cut[0], text.most_tokens)
        return Items(examples, self.item)

    def item(self, example: Example) -> FrameItem:
        """The item of a video."""
        plain, section = super().item(example), self._section
        if section.segmentation == "learned":
            boundaries = np.zeros(example.frames, np.float32)
            boundaries[list(self._events_of(plain))] = 1
            plain = plain._replace(boundaries=boundaries)
        if section.text is not None:
            prompt, most = self._prompt(section.text), section.text.most_tokens - 1
            text = (*prompt, *self._tokens(example.text)[:most], self._tokenizer.eos_token_id)
            plain = plain._replace(text=text, given=len(prompt))
        return plain

    def _events_of(self, item: FrameItem) -> tuple[int, ...]:
        """The first frames of the events; found once for each video, not in every epoch."""
        if item.id not in self._events:
            self._events[item.id] = kernel_segments(unit_rows(item.vectors), self._section.segmentation_penalty)
        return self._events[item.id]

    def _tokens(self, text: str) -> list[int]:
        found: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    def _prompt(self, text: VtsumText) -> list[int]:
        return [self._tokenizer.bos_token_id, *self._tokens(text.prompt)]

    def _make_tokenizer(self, text: VtsumText, examples: Sequence[Example]) -> None:
        if self._tokenizer is None:
            made = byte_pairs(
                [*(example.text for example in examples), text.prompt], text.vocabulary, [_PAD, _START, _END]
            )
            self._tokenizer = PreTrainedTokenizerFast(
                tokenizer_object=made, pad_token=_PAD, bos_token=_START, eos_token=_END
            )

    def _text_values(self, text: VtsumText, examples: Sequence[Example]) -> dict[str, Any]:
        self._make_tokenizer(text, examples)
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
        return {"decoder": decoder, "prompt": self._prompt(text), **limits}

    def _with_words(self, model: Vtsum) -> Vtsum:
        model.decode = None if self._tokenizer is None else self._tokenizer.decode
        return model


RECIPE = VtsumRecipe
