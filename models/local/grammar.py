"""Grammar-constrained decoding: a JSON schema becomes a mask over the next token (llguidance).

White space between JSON tokens is off: a weak model would emit it for ever, and compact JSON is cheaper.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from transformers import PreTrainedTokenizerFast

from models.chat import JsonSchema
from schemas.errors import ConfigError

_COMPACT: Any = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}


class Grammars:
    """Matchers for one tokenizer; building the tokenizer's table takes up to a second, so it is done once."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, vocabulary: int, stops: Sequence[int]) -> None:
        """`vocabulary` = width of the model's logits; `stops` are the ids that end a reply."""
        self.vocabulary = vocabulary
        self.stops = list(stops)
        self._table: LLTokenizer = from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=self.stops)

    def matcher(self, schema: JsonSchema) -> LLMatcher:
        """A fresh matcher. Raises ConfigError for a schema that the library cannot enforce."""
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=_COMPACT)
        matcher = LLMatcher(self._table, grammar, log_level=0)
        if matcher.is_error():
            raise ConfigError(f"the reply schema cannot be enforced: {matcher.get_error()}")
        return matcher


class Constraint:
    """Masks the logits of the constrained rows of one batch; a logits processor of transformers.

    `matchers[row]` is None for a row without a schema: it costs nothing. Rows that have stopped are left to the
    padding of the generation loop.
    """

    def __init__(self, grammars: Grammars, matchers: Sequence[LLMatcher | None]) -> None:
        """One matcher or None for each row of the batch."""
        self._grammars = grammars
        self._live = {row: matcher for row, matcher in enumerate(matchers) if matcher is not None}
        self._started = False

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Advance by the newest token of `input_ids` [rows, length] and mask `scores` [rows, vocabulary]."""
        if self._started:
            newest = input_ids[:, -1].tolist()
            for row in list(self._live):
                if newest[row] in self._grammars.stops or not self._live[row].consume_token(newest[row]):
                    del self._live[row]
        self._started = True
        if not self._live:
            return scores
        rows = list(self._live)
        allowed = np.stack([self._allowed(self._live[row], scores.shape[-1]) for row in rows])
        masked = scores[rows].masked_fill(~torch.from_numpy(allowed).to(scores.device), -torch.inf)
        scores = scores.clone()
        scores[rows] = masked
        return scores

    def _allowed(self, matcher: LLMatcher, width: int) -> np.ndarray:
        """Booleans [width] of the tokens that the grammar allows next; a finished text allows only the stops."""
        if matcher.is_stopped():
            allowed = np.zeros(width, dtype=bool)
            allowed[self._grammars.stops] = True
            return allowed
        bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8), bitorder="little")
        allowed = np.zeros(width, dtype=bool)
        size = min(width, len(bits))
        allowed[:size] = bits[:size]
        return allowed
