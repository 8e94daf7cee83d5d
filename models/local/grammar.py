"""Grammar-constrained decoding: a JSON schema becomes a mask over the next token (llguidance).

White space between JSON tokens is not allowed: a weak model would write it without end, and compact JSON is cheaper.
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
    """Makes matchers for one tokenizer. The tokenizer's table takes up to a second to build, so it is built once."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, vocabulary: int, stops: Sequence[int]) -> None:
        """`vocabulary` is the width of the model's logits; `stops` are the token ids that end a reply."""
        self.vocabulary = vocabulary
        self.stops = list(stops)
        self._table: LLTokenizer = from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=self.stops)

    def matcher(self, schema: JsonSchema) -> LLMatcher:
        """A new matcher for one reply. Raises ConfigError for a schema that the library cannot enforce."""
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=_COMPACT)
        matcher = LLMatcher(self._table, grammar, log_level=0)
        if matcher.is_error():
            raise ConfigError(f"the reply schema cannot be enforced: {matcher.get_error()}")
        return matcher


class Constraint:
    """A logits processor of transformers that masks the logits of the rows with a schema in one batch.

    Rows that have stopped are not masked: the generation loop pads them.
    """

    def __init__(self, grammars: Grammars, matchers: Sequence[LLMatcher | None]) -> None:
        """`matchers[row]` is the row's matcher, or None for a row without a schema."""
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
        """Booleans [width]: which tokens the grammar allows next. After a finished text only the stops are allowed."""
        if matcher.is_stopped():
            allowed = np.zeros(width, dtype=bool)
            allowed[self._grammars.stops] = True
            return allowed
        bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8), bitorder="little")
        allowed = np.zeros(width, dtype=bool)
        size = min(width, len(bits))
        allowed[:size] = bits[:size]
        return allowed
