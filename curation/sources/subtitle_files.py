"""Finds the subtitles that lie beside local videos: for `film.mp4` `film.srt`, `film.en.vtt`, `film.eng.sdh.srt`.

Names are those that players, media servers and yt-dlp use. The language may be written in two letters, in three, or
with a region; `forced` subtitles are left out, because they have foreign words alone. A folder that somebody sent may
link to any file of this machine: a link that leads out of it is left out, as a link to a video is.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from curation.sources.folders import VIDEO_SUFFIXES, natural_key
from schemas.kit.languages import UNKNOWN, is_in, language_of
from schemas.kit.utf8 import is_utf8, quoted
from schemas.records import SubtitleFile

log = logging.getLogger(__name__)

FORMS = ("json3", "vtt", "srt")  # the richest first
_PARTIAL = frozenset(("forced", "foreign"))
_FOR_THE_DEAF = frozenset(("sdh", "cc"))
_IGNORED = frozenset(("default", "auto", "orig", UNKNOWN))
_MOST_TAGS = 4
_TAG = re.compile("[A-Za-z0-9_-]{1,40}")
_FOLDERS = 8  # listings that are remembered: the videos of a list mostly lie in few folders
_WORD_TIME = re.compile(rb"<\d\d:\d\d[:.\d]*>")


def made_by_a_machine(data: bytes, form: str) -> bool:
    """Whether subtitles are automatic ones, which repeat their lines: those have times of words, and json3 has."""
    return form == "json3" or _WORD_TIME.search(data) is not None


class SubtitleFiles:
    """Looks for subtitles in some languages. A folder is listed once; several videos in it share the listing."""

    def __init__(self, languages: Sequence[str]) -> None:
        """Languages in the order of preference (ISO 639, with or without a region)."""
        self._languages = languages
        self._listings: dict[str, _Listing] = {}

    def beside(self, video: str, *, spoken: str | None = None, inside: Path | None = None) -> tuple[SubtitleFile, ...]:
        """The best file for each language, in their order.

        Without any, a file whose name says no language: it is taken for one in the language `spoken` where the list
        says that, and left out where this is none of those wanted. With `inside`, no link may lead out of that folder.
        """
        folder, name = os.path.split(video)
        spoken = spoken if spoken is not None and language_of(spoken) else None  # `English` is no tag of a language
        found = sorted(self._listing(folder).of(name), key=_Named.rank)
        named = [one for one in found if one.language]
        files = {one: None for wanted in self._languages for one in [_first(named, wanted)] if one is not None}
        if not files and (spoken is None or any(is_in(spoken, wanted) for wanted in self._languages)):
            files = dict.fromkeys([one for one in found if not one.language][:1])
        return tuple(
            SubtitleFile(path=path, language=one.language or spoken or UNKNOWN, format=one.form)
            for one in files
            if (path := _usable(os.path.join(folder, one.name), inside))  # noqa: PTH118 - no name is too hostile for it
        )

    def _listing(self, folder: str) -> _Listing:
        if folder not in self._listings:
            if len(self._listings) >= _FOLDERS:
                del self._listings[next(iter(self._listings))]
            self._listings[folder] = _Listing(folder)
        return self._listings[folder]


class _Named(NamedTuple):
    """A file of subtitles: its name, what the name says, and its form."""

    name: str
    language: str
    for_the_deaf: bool
    form: str

    def rank(self) -> tuple[bool, bool, int, object]:
        """The better file first: of a plain language before a region's, spoken words alone, then the richest form."""
        return "-" in self.language, self.for_the_deaf, FORMS.index(self.form), natural_key(self.name)


def _first(named: Sequence[_Named], wanted: str) -> _Named | None:
    return next((one for one in named if is_in(one.language, wanted)), None)


class _Listing:
    """The subtitles in a folder, by the stems of the files that they may belong to, and the stems of its videos."""

    def __init__(self, folder: str) -> None:
        self._files: dict[str, list[tuple[str, str, str]]] = {}
        self._videos: set[str] = set()
        try:
            names = os.listdir(folder)  # noqa: PTH208
        except OSError as error:
            log.warning("no subtitles are looked for in %s: %s", quoted(folder), error.strerror)
            names = []
        for name in names:
            stem, dot = os.path.splitext(name)  # noqa: PTH122
            if dot[1:].lower() in FORMS:
                for beginning, rest in _beginnings(stem):
                    self._files.setdefault(beginning, []).append((name, rest, dot[1:].lower()))
            elif dot.lower() in VIDEO_SUFFIXES:
                self._videos.add(stem)

    def of(self, video: str) -> Iterator[_Named]:
        """The subtitles of a video. `talk.no.srt` is that of `talk.no.mp4` where there is such a video."""
        stem, dot = os.path.splitext(video)  # noqa: PTH122
        for name, rest, form in self._files.get(stem, ()):
            others = (one for one, _ in _beginnings(os.path.splitext(name)[0]) if len(one) > len(stem))  # noqa: PTH122
            if self._videos.isdisjoint(others) and (read := _read_tags(rest, dot)) is not None:
                yield _Named(name, *read, form)


def _beginnings(stem: str) -> Iterator[tuple[str, str]]:
    """The stems that the name of a file of subtitles may begin with, the longest first, and the tags after each."""
    yield stem, ""
    end = len(stem)
    for _ in range(_MOST_TAGS):
        end = stem.rfind(".", 0, end)
        if end <= 0:
            return
        yield stem[:end], stem[end + 1 :]


def _read_tags(rest: str, suffix: str) -> tuple[str, bool] | None:
    """The language ('' for none) that tags name, and whether sounds are described; None where they are no tags."""
    tags = [tag for tag in rest.split(".") if tag and tag.lower() not in _IGNORED]
    if tags and f".{tags[0]}".lower() == suffix.lower():
        del tags[0]  # film.mp4.srt
    lowered = [tag.lower() for tag in tags]
    if not _PARTIAL.isdisjoint(lowered):
        return None
    deaf = not _FOR_THE_DEAF.isdisjoint(lowered) or "hi" in lowered[1:]  # alone, `hi` is Hindi
    left = [tag for place, tag in enumerate(tags) if not (lowered[place] in _FOR_THE_DEAF or (place and tag == "hi"))]
    if len(left) > 1 or (left and not (_TAG.fullmatch(left[0]) and language_of(left[0]))):
        return None
    return "-".join(re.split("[-_]", left[0])) if left else "", deaf


def _usable(path: str, inside: Path | None) -> str | None:
    """The path of a regular file without links; None, and a line in the log, for what must not be read."""
    try:
        target = os.path.realpath(path, strict=True)
        if not S_ISREG(os.stat(target).st_mode):  # noqa: PTH116
            why = "no regular file"
        elif inside is not None and not Path(target).is_relative_to(inside):
            why = "a link that leads out of the folder (`follow_links: true` in `sources` follows it)"
        elif not is_utf8(target):
            why = "its name is not UTF-8"
        else:
            return target
    except OSError as error:
        why = error.strerror or type(error).__name__
    log.warning("subtitles %s are left out: %s", quoted(os.path.basename(path)), why)  # noqa: PTH119
    return None
