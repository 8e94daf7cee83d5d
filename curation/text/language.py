"""Which language a text is written in, where that is plain (py3langid: Lui and Baldwin, langid.py, ACL 2012)."""

from __future__ import annotations

import re
import threading
from functools import cache
from typing import TYPE_CHECKING

from schemas.errors import ConfigError

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

SURELY_NOT = 0.01
_LEAST_WORDS = 4
_WORD = re.compile(r"\b[^\W\d_]{2,}\b")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
# What stands on a sign may be in any language.
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»|(?<!\w)'[^']*'(?!\w)")
_loading = threading.Lock()


def other_language(text: str, asked: str) -> str | None:
    """The language (ISO 639 code) of a text that is surely not in the language `asked`; None where it may be.

    Surely not means a probability below 0.01. Words in quotation marks do not count, and texts of fewer than 4 words
    are not judged, unless they are in a script without spaces. Raises ConfigError for a language that is not known.
    """
    spoken = _QUOTED.sub(" ", text)
    if len(_WORD.findall(spoken)) < _LEAST_WORDS and not _UNSPACED.search(spoken):
        return None
    ranked = [(str(code), float(share)) for code, share in _identifier().rank(spoken)]
    shares = dict(ranked)
    if asked not in shares:
        raise ConfigError(f"no language {asked!r}; known are: {', '.join(sorted(shares))}; or null for no check")
    return ranked[0][0] if shares[asked] < SURELY_NOT else None


def _identifier() -> LanguageIdentifier:
    with _loading:
        return _loaded()


@cache
def _loaded() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
