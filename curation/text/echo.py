"""Finds a prompt's own words in a reply: an example or an instruction that a weak model copies instead of answering."""

from __future__ import annotations

import re
from functools import lru_cache

RUN = 5  # so many words in a row, or a whole text of LEAST words or more, are no coincidence
LEAST = 3
MOST_ECHOED = 0.5
_WORD = re.compile(r"[^\W_]+")
_SENTENCE_ENDS = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])")


def echoed_share(text: str, own: str, given: str = "") -> float:
    """The share of the words of `text` (0..1) that are copied from the prompt.

    `own` is the prompt's own text, without the values of its variables. `given` is what the prompt was given: captions.
    A word is copied when it stands in a run of 5 words that is in `own` and not in `given`; of a text of 3 or 4 words,
    the run is the whole text. Shorter texts are never copied. Case and punctuation do not count.
    """
    words = _words(text)
    size = min(RUN, len(words))
    if size < LEAST:
        return 0.0
    copied = _runs(own, size) - _runs(given, size)
    echoed: set[int] = set()
    for start in range(len(words) - size + 1):
        if tuple(words[start : start + size]) in copied:
            echoed.update(range(start, start + size))
    return len(echoed) / len(words)


def is_echo(text: str, own: str, given: str = "") -> bool:
    """Whether at least half of the words of `text`, or of a sentence in it, are copied from the prompt's own text."""
    return any(echoed_share(part, own, given) >= MOST_ECHOED for part in (text, *_SENTENCE_ENDS.split(text)))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


@lru_cache(maxsize=256)
def _runs(text: str, size: int) -> frozenset[tuple[str, ...]]:
    """All runs of `size` words of a text."""
    words = _words(text)
    return frozenset(tuple(words[i : i + size]) for i in range(len(words) - size + 1))
