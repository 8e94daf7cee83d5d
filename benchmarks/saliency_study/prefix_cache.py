"""How many tokens of prompts a server computes that keeps the prefixes of earlier prompts, as vLLM does.

vLLM keeps whole blocks of tokens, each found by all tokens up to its end (vllm.ai, "Automatic Prefix Caching"). At
least the last token of a prompt is computed, since the first new token comes of it. Nothing is dropped here for lack of
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

BLOCK = 16  # tokens, vLLM's own


class PrefixCache:
    """The prefixes of all prompts that were counted so far, by whole blocks."""

    def __init__(self, encode: Callable[[str], Sequence[int]], block: int = BLOCK) -> None:
        """`encode` gives the tokens of the whole prompt of a text, the chat template included."""
        self._encode, self._block = encode, block
        self._known: set[tuple[int, ...]] = set()

    def computed(self, text: str) -> int:
        """How many tokens of this prompt are computed; its blocks are known from then on."""
        tokens = tuple(self._encode(text))
        ends = range(self._block, len(tokens) + 1, self._block)
        known = 0
        for end in ends:
            if tokens[:end] not in self._known:
                break
            known = end
        self._known.update(tokens[:end] for end in ends)
        return max(len(tokens) - known, min(1, len(tokens)))
