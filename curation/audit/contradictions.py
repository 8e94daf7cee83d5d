"""Colours of a sentence that its captions contradict: a thing that they show in other colours only.

Shared words and similarity hardly notice one wrong colour, and it is the commonest error that people correct at once.
Only English colour words are known; another language has no contradictions here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from schemas.kit.content_words import content_words

_WORD = re.compile(r"[^\W_]+|,")
_SAME = {"grey": "gray", "purple": "violet", "golden": "gold", "silvery": "silver", "navy": "blue", "crimson": "red"}
_COLOURS = frozenset(
    ("black", "white", "gray", "red", "green", "blue", "yellow", "orange", "violet", "pink", "brown", "gold", "silver")
)
_BETWEEN = frozenset((",", "and", "or"))  # red and white stripes


def contradicted(sentence: str, captions: Iterable[str]) -> tuple[str, ...]:
    """The claims `colour thing` of a sentence whose thing the captions name with other colours, and never with this.

    Sorted, each once. A thing that no caption names with a colour is never contradicted.
    """
    shown: dict[str, set[str]] = {}
    for caption in captions:
        for colour, thing, _ in _claims(caption):
            shown.setdefault(thing, set()).add(colour)
    wrong = {said for colour, thing, said in _claims(sentence) if colour not in shown.get(thing, {colour})}
    return tuple(sorted(wrong))


def _claims(text: str) -> Iterator[tuple[str, str, str]]:
    """Each colour with the stem of the word that follows it, and both words as they stand."""
    colours: list[str] = []
    for word in _WORD.findall(text.casefold()):
        colour = _SAME.get(word, word)
        if colour in _COLOURS:
            colours.append(colour)
        elif word not in _BETWEEN:
            for stem in content_words(word):
                yield from ((one, stem, f"{one} {word}") for one in colours)
            colours = []
