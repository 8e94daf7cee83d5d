"""The content words of an English text: without function words and without endings. Other languages keep every word.

The module answers one question: which words of a sentence are also in another text? So two forms of a word must give
the same stem; the stem itself does not matter.
"""

from __future__ import annotations

import functools
import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
# Scripts written without spaces (Han, kana, Thai, Lao, Khmer, Burmese): every character counts as a word.
UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_UNSPACED = re.compile(f"([{UNSPACED}])")
# Negations and directions (not, no, left, right, up, down) are kept: they change what is claimed.
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    a an the this that these those some any each every both all another other
    i you he she it we they him her us them me his its our your their my mine himself herself itself themselves
    who whom whose which what there here one ones
    am is are was were be been being do does did doing done has have had having will would can could shall should may
    might must
    and or but nor so yet if then than while as because when where before after until since again also too just very
    of in on at by to from for with into onto upon about over under through across along around between among against
    near toward towards within during beside behind
    s t re ve ll d m
    """,
    )
)
_VOWEL = re.compile(r"[aeiouy]")
_DOUBLED = re.compile(r"([^aeiou])\1$")


def content_words(text: str) -> frozenset[str]:
    """The distinct words of a text that are not function words, case-folded and without regular English endings."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _WORD.findall(_UNSPACED.sub(r" \1 ", folded))
    return frozenset(_stem(word) for word in words if word not in _FUNCTION_WORDS)


@functools.lru_cache(maxsize=16_384)
def _stem(word: str) -> str:
    """The stem of a word: `chop` for `chops`, `chopped`, `chopping`; `mov` for `moves`, `moving`, `move`.

    Words in other scripts are unchanged.
    """
    if not (word.isascii() and word.isalpha()) or len(word) <= 3:
        return word
    for ending, instead in (("ies", "y"), ("ied", "y"), ("ing", ""), ("es", ""), ("ed", ""), ("s", "")):
        rest = word.removesuffix(ending) + instead
        if word.endswith(ending) and len(rest) >= 2 and _VOWEL.search(rest) and not word.endswith(("ss", "eed", "us")):
            word = rest
            break
    word = _DOUBLED.sub(r"\1", word)
    return word.removesuffix("e") if len(word) > 2 else word
