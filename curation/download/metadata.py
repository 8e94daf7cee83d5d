"""Reads yt-dlp's metadata: the `Publication` record, announced numbers, and subtitle tracks.

All texts have a limited length, and an address that grants access is never kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from schemas.kit.languages import is_in
from schemas.kit.utf8 import utf8_text
from schemas.records import Chapter, Publication
from schemas.safe_text import public_url

_LONGEST_TEXT = 20_000
_MOST_TAGS = 500
_MOST_CHAPTERS = 1000
_SUBTITLE_FORMATS = ("json3", "vtt", "srt", "ttml", "srv3", "ass")
_LARGEST = 1e15
_ENDED = ("not_live", "was_live")


class Track(NamedTuple):
    """A subtitle track: its language, whether it is automatic, its format, and its address or its content."""

    language: str
    automatic: bool
    format: str
    url: str | None
    data: str | None


def read_publication(info: Mapping[str, Any]) -> Publication:
    """The publisher's metadata from an info dictionary of yt-dlp; values of an unexpected type are left out.

    A plain video file has no page and no date of publication: yt-dlp gives its own address and the time of the file.
    """
    is_file = info.get("direct") is True
    return Publication(
        title=_text(info.get("title")),
        uploader=_text(info.get("uploader")),
        channel=_text(info.get("channel")),
        channel_id=_text(info.get("channel_id")),
        licence=_text(info.get("license")),
        upload_date=None if is_file else _text(info.get("upload_date")),
        language=_text(info.get("language")),
        categories=_texts(info.get("categories")),
        tags=_texts(info.get("tags")),
        chapters=tuple(_chapters(info.get("chapters"))),
        webpage_url=None if is_file else public_url(_text(info.get("webpage_url")) or ""),
        extractor=_text(info.get("extractor_key")),
        live=is_live(info),
    )


def is_live(info: Mapping[str, Any]) -> bool | None:
    """Whether a live stream has not begun, has not ended, or is not processed yet; None when the site does not say."""
    status = info.get("live_status")
    if isinstance(status, str):
        return status not in _ENDED
    live = info.get("is_live")
    return live if isinstance(live, bool) else None


def announced(info: Mapping[str, Any], key: str) -> float | None:
    """A positive number below 10**15 from an info dictionary; None for any other value."""
    value = info.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LARGEST:
        return None
    return float(value)


def choose_tracks(info: Mapping[str, Any], languages: Iterable[str]) -> list[Track]:
    """For each wanted language the publisher's track, else the automatic track, in the richest format.

    For `en` a track of `en-US` (or of another variant, or under another code such as `eng`) is taken when there is no
    track of `en` itself.
    """
    chosen = []
    for wanted in languages:
        for key, automatic in (("subtitles", False), ("automatic_captions", True)):
            track = _track(info.get(key), wanted, automatic)
            if track is not None:
                chosen.append(track)
                break
    return chosen


def _track(tracks: Any, wanted: str, automatic: bool) -> Track | None:
    if not isinstance(tracks, Mapping):
        return None
    names = sorted(name for name in tracks if isinstance(name, str))
    exact = [name for name in names if name.casefold() == wanted.casefold()]
    for language in exact + [name for name in names if name not in exact and is_in(name, wanted)]:
        listed = tracks[language] if isinstance(tracks[language], list | tuple) else ()
        offers = [offer for offer in listed if isinstance(offer, Mapping)]
        for form in _SUBTITLE_FORMATS:
            for offer in offers:
                url, data = _text(offer.get("url")), offer.get("data")
                whole = not str(offer.get("protocol") or "http").startswith("m3u8")
                if offer.get("ext") == form and whole and (url or isinstance(data, str)):
                    name = utf8_text(language[:64])
                    return Track(name, automatic, form, url, data if isinstance(data, str) else None)
    return None


def _text(value: Any) -> str | None:
    return utf8_text(value[:_LONGEST_TEXT]) if isinstance(value, str) and value else None


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        return ()
    texts = (_text(value) for value in values[:_MOST_TAGS])
    return tuple(text for text in texts if text is not None)


def _chapters(values: Any) -> Iterable[Chapter]:
    for value in values[:_MOST_CHAPTERS] if isinstance(values, list) else ():
        if not isinstance(value, Mapping):
            continue
        start, end = value.get("start_time"), value.get("end_time")
        times = [time for time in (start, end) if isinstance(time, int | float) and abs(time) < _LARGEST]
        if len(times) == 2:
            yield Chapter(start=float(times[0]), end=float(times[1]), title=_text(value.get("title")) or "")
