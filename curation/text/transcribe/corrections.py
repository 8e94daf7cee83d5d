"""Takes of a correction what corrects the line that was heard, and leaves what says something else.

A model may mend case, punctuation, the borders of words, and words that sound like those that stand there; letters
stand for sound. It may not add or leave out a word, change a number, its signs or a negation, and it never invents a
name. Where a part of a line is refused, the words stay as they were heard, and the rest is mended.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby, pairwise
from typing import NamedTuple

MOST = 0.4  # share of a line's words that may become others; one word always may
SAME = 0.5  # share of the words of both lines that must stand for each other, else it is another line
LIKE = 0.5  # how alike, 0 to 1, the letters of a word and of the word in its place are (difflib's ratio)
_GROWTH, _ROOM = 1.5, 20  # a correct line has at most so many times the characters of the line, and so many more
_APOSTROPHES = str.maketrans("", "", "'\u2019\u02bc")
_WORD = re.compile(r"\w+(?:['\u2019\u02bc]\w+)*")
_NUMBERS = frozenset(
    re.findall(
        r"\w+",
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand "
        "million billion first second third fourth fifth sixth seventh eighth ninth tenth half quarter dozen once "
        "twice",
    )
)
_NEGATIONS = frozenset(
    re.findall(
        r"\w+",
        "not no never none nothing nobody nowhere neither nor nevermind without cannot dont doesnt didnt cant "
        "couldnt wont wouldnt shant shouldnt isnt arent wasnt werent hasnt havent hadnt mustnt neednt mightnt aint",
    )
)
_NEGATING = ("un", "in", "im", "il", "ir", "dis", "non", "mis", "anti")
_SHORTEST = 3  # letters of a word that a prefix or `less` negates
# A number with what makes it another one; a hyphen inside of `covid-19` is no sign.
# Parts of classes of characters: hyphens, dashes and minus signs; signs of currencies (Unicode's category Sc).
_MINUS = r"\-\u2010-\u2015\u2212\ufe63\uff0d"
_CURRENCY = (
    r"$\u00a2-\u00a5\u058f\u060b\u09f2\u09f3\u0af1\u0bf9\u0e3f\u17db\u20a0-\u20cf\ufdfc\ufe69\uff04\uffe0\uffe1"
    r"\uffe5\uffe6"
)
_SIGNED = re.compile(
    rf"(?:(?<!\S)[{_MINUS}+~<>]|[{_CURRENCY}])?\s?(?:(?<!\w)[.,])?\d+(?:[.,:/{_MINUS}]\d+)*"
    rf"(?:\s?[%\u2030\u00b0{_CURRENCY}]|\+)?"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_BESIDE = 3  # characters beside a number that may be its signs


class _Line:
    """A text by its words; a word has no border at an apostrophe: `don't` is one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found = [*_WORD.finditer(text)]
        self.words = [found.group() for found in self._found]
        self.plain = [word.translate(_APOSTROPHES).casefold() for word in self.words]

    def part(self, start: int, stop: int) -> str:
        """The text from a word up to another one, without what stands around them."""
        return self.text[self._found[start].start() : self._found[stop - 1].end()] if start < stop else ""

    def numbers(self, start: int, stop: int) -> list[str]:
        """The numbers among some words, with their signs and without spaces."""
        if not any(map(_digits, self.plain[start:stop])):
            return []
        first, last = self._found[start].start(), self._found[stop - 1].end()
        end = self._found[stop].start() if stop < len(self._found) else len(self.text)
        begin = self._found[start - 1].end() if start else 0
        around = max(begin, first - _BESIDE), min(end, last + _BESIDE)
        return ["".join(one.group().split()) for one in _SIGNED.finditer(self.text, *around)]

    def before(self, place: int) -> str:
        """What stands between a word and the one before it; the end of the text for the place after the last word."""
        start = self._found[place - 1].end() if place else 0
        return self.text[start : self._found[place].start() if place < len(self._found) else len(self.text)]


class _Region(NamedTuple):
    """Words of the heard line (`start`, `stop`) and of the proposed one (`begin`, `end`) that stand for each other."""

    start: int
    stop: int
    begin: int
    end: int
    reason: str | None = None
    others: bool = False  # the words are others

    @property
    def words(self) -> int:
        """The words of the line that has more of them here."""
        return max(self.stop - self.start, self.end - self.begin)


def words_of(text: str) -> list[str]:
    """The words of a text without case and apostrophes."""
    return _Line(text).plain


def mended(heard: str, proposed: str, known: Collection[str]) -> tuple[str, str | None]:
    """The line that was heard with what the proposed line corrects in it, and why a part of that was refused, if any.

    `known` are the words of the other lines (`words_of`): a name among them is no invention. The reasons are
    `too_long`, `number_changed`, `negation_changed`, `words_added`, `words_lost`, `name_invented`, `name_changed`,
    `other_words` and `too_different`; of several the first in the line. A line of which less than half can be taken is
    another line, and nothing of it is. Numbers are digits of any script; numbers that are written as words, and
    negations, are known in English alone.
    """
    if len(proposed) > len(heard) * _GROWTH + _ROOM:
        return heard, "too_long"
    old, new = _Line(heard), _Line(proposed)
    regions = [*_compared(old, new, known)]
    if sum(one.words for one in regions if one.others and one.reason is None) > max(1, MOST * len(old.words)):
        regions = [one._replace(reason=one.reason or "too_different") if one.others else one for one in regions]
    reason = next((one.reason for one in regions if one.reason is not None), None)
    taken = sum(one.words for one in regions if one.reason is None)
    if taken < SAME * max(len(old.words), len(new.words)):
        return heard, reason
    return _joined(old, new, regions), reason


def _compared(old: _Line, new: _Line, known: Collection[str]) -> Iterator[_Region]:
    for kind, start, stop, begin, end in SequenceMatcher(None, old.plain, new.plain, autojunk=False).get_opcodes():
        region = _Region(start, stop, begin, end)
        if kind == "equal":
            yield from _equal(old, new, region)
        elif "".join(old.plain[start:stop]) == "".join(new.plain[begin:end]):
            yield region._replace(reason=_turned(old, new, region))
        elif kind != "replace":
            yield region._replace(reason="words_added" if kind == "insert" else "words_lost")
        else:
            reason = _fault(old, new, region, known, cased=not old.text.isupper())
            yield region._replace(reason=reason, others=True)


def _equal(old: _Line, new: _Line, region: _Region) -> Iterator[_Region]:
    """Equal words in parts, so that a number whose signs are others costs no word beside it."""
    places = range(region.start, region.stop)
    for _, run in groupby(places, lambda place: bool(_digits(old.plain[place]))):
        start, *rest = run
        ahead = region.begin - region.start
        part = _Region(start, (rest or [start])[-1] + 1, start + ahead, (rest or [start])[-1] + 1 + ahead)
        yield part._replace(reason=_turned(old, new, part))


def _turned(old: _Line, new: _Line, region: _Region) -> str | None:
    """Why words that stand for each other say another number, or the contrary."""
    stood, stand = old.plain[region.start : region.stop], new.plain[region.begin : region.end]
    heard, said = old.numbers(region.start, region.stop), new.numbers(region.begin, region.end)
    if len(heard) != len(said) or not all(map(_same_number, heard, said)):
        return "number_changed"
    if _negations(stood) != _negations(stand):
        return "negation_changed"
    same = "".join(stood) == "".join(stand)  # `un happy` and `unhappy`: nothing else was heard
    return "negation_changed" if not same and _negates(stood, stand) else None


def _same_number(heard: str, said: str) -> bool:
    """Whether two numbers are one; the proposed one may have commas of thousands that were not heard.

    A comma that was heard stays: in many languages it separates decimals.
    """
    return heard == said or (_THOUSANDS.search(said) is not None and heard == said.replace(",", ""))


def _negations(words: Sequence[str]) -> int:
    """How many words negate; `can t` is one, as recognisers write it."""
    apart = sum(after == "t" and word + after in _NEGATIONS for word, after in pairwise(words))
    return apart + sum(word in _NEGATIONS for word in words)


def _negates(stood: Sequence[str], stand: Sequence[str]) -> bool:
    """Whether a word and one in its place differ by a prefix that negates, or by `less`."""
    for one, other in ((one, other) for one in stood for other in stand):
        short, long = sorted((one, other), key=len)
        if len(short) >= _SHORTEST and any(long == start + short for start in _NEGATING):
            return True
        if one.endswith("less") != other.endswith("less") and {one, other} & {
            stem + end for stem in (one.removesuffix("less"), other.removesuffix("less")) for end in ("", "ful")
        }:
            return True
    return False


def _fault(old: _Line, new: _Line, region: _Region, known: Collection[str], *, cased: bool) -> str | None:
    """Why words may not stand in the place of others.

    A capital at the beginning of the line that was heard says nothing. At the beginning of the proposed line it may be
    a name.
    """
    stood, stand = old.plain[region.start : region.stop], new.plain[region.begin : region.end]
    letters, others = "".join(stood), "".join(stand)
    if ({*stood} ^ {*stand}) & _NUMBERS or _digits(letters) != _digits(others):
        return "number_changed"
    if (turned := _turned(old, new, region)) is not None:
        return turned
    names = new.words[region.begin : region.end]
    if cased and any(name[0].isupper() and word not in known for name, word in zip(names, stand, strict=True)):
        return "name_invented"
    named = any(word[0].isupper() for word in old.words[max(1, region.start) : region.stop])
    if cased and named and not {*stand} <= {*known}:
        return "name_changed"
    return "other_words" if SequenceMatcher(None, letters, others, autojunk=False).ratio() < LIKE else None


def _digits(text: str) -> str:
    return "".join(filter(str.isnumeric, text))


def _joined(old: _Line, new: _Line, regions: Sequence[_Region]) -> str:
    """The regions one after the other. What stands between two is the proposed text's where both are taken from it."""
    ends = _Region(len(old.words), len(old.words), len(new.words), len(new.words))
    parts = []
    for before, region in pairwise([_Region(0, 0, 0, 0), *regions, ends]):
        if region.start == region.stop and region is not ends:  # words that were added, and are left out
            continue
        both = before.reason is None and region.reason is None
        parts.append(new.before(region.begin) if both else old.before(region.start))
        if region.reason is None:
            parts.append(new.part(region.begin, region.end))
        else:
            parts.append(old.part(region.start, region.stop))
    return "".join(parts)
