"""Decodes subtitle files: UTF-8, UTF-16 with its mark, and what programs wrote before.

An old file does not say in which encoding it is. Its language tells, as most programs took the one that Windows had for
it; where the language is not known or has two, charset-normalizer compares the letters.
"""

from __future__ import annotations

from collections.abc import Sequence

from charset_normalizer import from_bytes

from schemas.kit.languages import language_of

_GUESSED = 200_000  # bytes that are compared
_COMMONEST = "cp1252"
_OF = {
    "cp1250": "cs hr hu pl ro sk sl sq",
    "cp1251": "be bg kk ky mk mn ru tg uk",
    "cp1253": "el",
    "cp1254": "az tr",
    "cp1255": "he yi",
    "cp1256": "ar fa ur",
    "cp1257": "et lt lv",
    "cp874": "th",
    "cp932": "ja",
    "cp949": "ko",
}
_OLD: dict[str, tuple[str, ...]] = {
    **{language: (encoding,) for encoding, languages in _OF.items() for language in languages.split()},
    "zh": ("gb18030", "big5"),
    **dict.fromkeys(("bs", "sr"), ("cp1250", "cp1251")),
}
_LIKE_UTF_8 = ("zh", "ja", "ko", "th")
# The commonest first: of several that give as good a text it is taken.
_ANY = (_COMMONEST, "cp1250", "cp1251", "cp1254", "cp1253", "cp1256", "cp1255", "gb18030", "big5", "cp932", "cp949")


def text_of(data: bytes, language: str | None = None) -> str:
    """The text of a file in a language (a tag), if that is known.

    A file in which two thirds of what is beyond ASCII are no UTF-8 is an old one; one half is enough in languages whose
    old encodings often look like it. Else, or where no encoding fits, a byte that cannot be read becomes U+FFFD.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", "replace")
    unread = text.count("\ufffd") - data.count("\ufffd".encode())
    read = len(text) - len(text.encode("ascii", "ignore")) - unread
    known = language_of(language) if language is not None else None
    often = 1 if known in _LIKE_UTF_8 else 2
    return data.decode(_old_encoding(data, known), "replace") if unread > often * read else text


def _old_encoding(data: bytes, known: str | None) -> str:
    candidates: Sequence[str] = _ANY if known is None else _OLD.get(known, (_COMMONEST,))
    if len(candidates) == 1:
        return candidates[0]
    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())
    end = len(telling) if len(telling) <= _GUESSED else telling.rfind(b"\n", 0, _GUESSED)
    found = [
        (round(guess.chaos, 2), -round(guess.coherence, 2), candidates.index(name), name)
        for guess in from_bytes(telling[: end if end > 0 else _GUESSED], cp_isolation=[*candidates])
        for name in guess.could_be_from_charset
        if name in candidates
    ]
    return min(found)[-1] if found else "utf-8"
