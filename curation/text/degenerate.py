"""Finds text that is no text: placeholders, remnants of markup, endless repetition, cut ends, only function words.

The limits were chosen on 17,505 captions and 1,905 summaries that people wrote (ActivityNet Captions, Krishna et al.,
2017): none of them is called degenerate. docs/results/audit.md has the figures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from curation.text.language import other_language
from schemas.kit.content_words import content_words

LEAST_DISTINCT = 0.5  # of the runs of three words in a sentence
MOST_ALIKE = 2  # so often may one sentence stand in a summary
_LEAST_RUNS = 8
_PHRASE_REPEATS = 4
_LONGEST_PHRASE = 8
_LONGEST_SHOWN = 60

_MARKUP = re.compile(
    r"[{}]|```|</?[A-Za-z][^<>]*>|<\||\|>|\"\s*:|\\[nrtu\"]|&(?:[a-z]{2,8}|#\d{1,6});|\*\*|^\s*(?:[-*#>]{1,3}|\d+[.)])\s"
)
_TIMES = re.compile(r"\[[\s,.0-9]*[0-9][\s,.0-9]*\]", re.ASCII)
_END = re.compile(r"[.!?…。！？।؟][\"'”’»)\]」』]*$")
_OWN_TASK = re.compile(
    r"(?i)^\W*(?:captions?|summary|sentences?|lines?)\s*:"
    r"|\b(?:key ?frames?|time ?stamps?|the captions? (?:is|are|says?))\b"
)
_CAPITALS = re.compile(r"\b[A-Z]{3,}\b")
_FORMAT_NAMES = frozenset({"JSON", "XML", "YAML", "HTML"})
_PLACEHOLDER = re.compile(
    r"(?i)\W*(?:sentence|text|caption|string|summary|answer|none|null|undefined|todo|tbd|n/?a|lorem ipsum.*|\w+_\w+"
    r"|(?:your|the|insert|a)\s(?:sentence|text|caption|summary|answer)(?:\shere)?)?\W*"
)


def degenerate(text: str, own: str = "", given: str = "", language: str | None = None) -> str | None:
    """Why a text cannot be a caption or a sentence, as words for people; None when it can.

    `own` is the prompt's own text: its words in capitals (`SENTENCE`) are placeholders unless they are in `given`, the
    captions that the prompt was given. `language` is the language that was asked for (ISO 639), None for any. Raises
    ConfigError for a language that is not known.
    """
    if not any(character.isalpha() for character in text):
        return f"no words: {_short(text)}"
    if _PLACEHOLDER.fullmatch(text):
        return f"a placeholder: {_short(text)}"
    left = [word for word in _CAPITALS.findall(text) if word in _capitals(own) - set(_CAPITALS.findall(given))]
    if left:
        return f"a placeholder of the prompt: {left[0]}"
    if found := _MARKUP.search(text):
        return f"markup: {_short(text[max(0, found.start() - 10) : found.end() + 10])}"
    if repeats_itself(text):
        return "it repeats itself"
    if not content_words(text):
        return f"only function words: {_short(text)}"
    if language is not None and (other := other_language(text, language)):
        return f"language {other}, asked for {language}"
    return None


def no_sentence(text: str) -> str | None:
    """Why a text without other faults is no sentence of a summary, as words for people; None when it is one."""
    if _OWN_TASK.search(text):
        return f"it speaks of the captions: {_short(text)}"
    if found := _TIMES.search(text):
        return f"times in the text: {_short(found[0])}"
    if not _END.search(text):
        return f"no end of a sentence: {_short(text[-_LONGEST_SHOWN:])}"
    return None


def repeated_sentence(sentences: Sequence[str], captions: Sequence[str]) -> str | None:
    """The sentence that a summary repeats without cause, in lower case and without punctuation; None if there is none.

    `captions[i]` is what sentences[i] rests on. A sentence is repeated when it stands there more than twice, or when it
    is all that a summary of several sentences says. Where the captions under it are all the same, it has a cause: the
    same thing happens again.
    """
    if not sentences:
        return None
    bare = [" ".join(re.findall(r"\w+", sentence.casefold())) for sentence in sentences]
    sentence, times = Counter(bare).most_common(1)[0]
    below = {caption for said, caption in zip(bare, captions, strict=True) if said == sentence}
    return sentence if len(below) > 1 and (times > MOST_ALIKE or times == len(bare)) else None


def repeats_itself(text: str) -> bool:
    """Whether a text loops.

    It does when a phrase of up to 8 words stands 4 times in a row, or when fewer than half of its runs of three words
    (8 or more runs) are distinct.
    """
    words = text.casefold().split()
    for period in range(1, _LONGEST_PHRASE + 1):
        run = 0
        for i in range(period, len(words)):
            run = run + 1 if words[i] == words[i - period] else 0
            if run >= (_PHRASE_REPEATS - 1) * period:
                return True
    bare = re.findall(r"\w+", text.casefold())
    runs = [tuple(bare[i : i + 3]) for i in range(len(bare) - 2)]
    return len(runs) >= _LEAST_RUNS and len(set(runs)) < LEAST_DISTINCT * len(runs)


def _capitals(own: str) -> set[str]:
    return set(_CAPITALS.findall(own)) - _FORMAT_NAMES


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…")
