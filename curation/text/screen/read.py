"""Reads the text in the sampled pictures of a video: where it changes, and at most so often in a shot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PIL import Image

from curation.sources.filters import range_score
from curation.text.screen.kinds import covered, kinds_of
from curation.text.screen.strokes import may_differ, strokes
from models.decode_picture import decode_picture
from models.reader import ReadLine, TextReader
from schemas.arrow import SCREEN_TEXT
from schemas.configuration.text_config import OcrConfig
from schemas.configuration.video_config import RangeFilter
from schemas.parts.screen_text import Reading, ScreenText, WrittenLine
from schemas.records import FilterScore, Frame, FrameSet
from schemas.time import FrameIndex

MOST_LINES, MOST_READINGS, MOST_CHARACTERS = 60, 1000, 200_000  # of a picture, and of a record
_DIGITS = 4
_WORD, _HIGHER = 2, 1.5  # letters or digits of a text; how much higher a single one beside it may be


class _Found(NamedTuple):
    """What one look at a picture gave: no lines where nothing is written, or where nobody looked."""

    lines: tuple[WrittenLine, ...] = ()
    share: float = 0.0
    left_out: int = 0


def screen_text(
    frames: FrameSet, picture: Callable[[FrameIndex], bytes | None], reader: TextReader, config: OcrConfig
) -> ScreenText:
    """The text in the pictures of a video. `picture` gives the JPEG bytes of a frame, None for one that is lost.

    In each shot the first frame is read, and later ones in which text may have changed since the last that was read, at
    most `config.per_shot` in all. Frames without a change have the text of the last reading. Those in which it may have
    changed after that limit, and lost ones, have none and are not in the mean of the share. Raises what `picture` and
    the reader raise, and PermanentError `unreadable_picture`.
    """
    readings: list[Reading] = []
    read = unread = left_out = 0
    total = 0.0
    for first, last in frames.shots:
        shown, seen, times = _Found(), None, 0
        for frame in frames.frames[first : last + 1]:
            data = picture(frame.index)
            if data is None:
                unread += 1
                continue
            image = decode_picture(data)
            now = strokes(image)
            found = shown
            if seen is None or may_differ(seen, now):
                if times < config.per_shot:
                    shown = found = _look(image, reader.read(data))
                    seen, times = now, times + 1
                    left_out += found.left_out
                else:
                    found, unread = _Found(), unread + 1
            _note(readings, frame, found, frames.fps)
            total += found.share
        read += times
    kept = _within(readings)
    left_out += sum(len(reading.lines) for reading in readings[len(kept) :])
    known = len(frames.frames) - unread
    return ScreenText(
        reader=reader.name,
        revision=reader.revision,
        share=round(total / known, _DIGITS) if known else None,
        read=read,
        unread=unread,
        left_out=left_out,
        readings=tuple(kept),
    )


def judge_share(found: ScreenText, limits: RangeFilter) -> tuple[FilterScore, ...]:
    """The filter score of the share that text covers; none where the filter is off."""
    return tuple(range_score(SCREEN_TEXT, found.share, limits, "too_little_text", "too_much_text", ""))


def _look(image: Image.Image, lines: Sequence[ReadLine]) -> _Found:
    lines = _believed(lines)
    kinds = kinds_of(image, lines)
    written = tuple(
        WrittenLine(kind=kind, **{name: _plain(value) for name, value in line._asdict().items()})
        for line, kind in zip(lines, kinds, strict=True)
    )
    share = round(float(covered(lines).mean()), _DIGITS)
    return _Found(written[:MOST_LINES], share, len(written[MOST_LINES:]))


def _believed(lines: Sequence[ReadLine]) -> list[ReadLine]:
    """Without single letters, unless a longer text of about their size stands beside: readers see some in limbs."""
    words = [line for line in lines if sum(map(str.isalnum, line.text)) >= _WORD]
    highest = _HIGHER * max((line.bottom - line.top for line in words), default=0.0)
    return [line for line in lines if line in words or line.bottom - line.top <= highest]


def _note(readings: list[Reading], frame: Frame, found: _Found, fps: float) -> None:
    """Add what a frame shows: to the reading before, where that has the same text and ends one frame before."""
    if not found.lines:
        return
    before = readings[-1] if readings else None
    if before is not None and frame.time - before.until < 1.5 / fps and _texts(before.lines) == _texts(found.lines):
        readings[-1] = before.model_copy(update={"until": frame.time})
        return
    readings.append(Reading(index=frame.index, time=frame.time, until=frame.time, share=found.share, lines=found.lines))


def _within(readings: Sequence[Reading]) -> Sequence[Reading]:
    """The first readings, as many as a record holds."""
    characters = 0
    for place, reading in enumerate(readings[:MOST_READINGS]):
        characters += sum(len(line.text) for line in reading.lines)
        if characters > MOST_CHARACTERS:
            return readings[:place]
    return readings[:MOST_READINGS]


def _texts(lines: Sequence[WrittenLine]) -> list[str]:
    return [line.text.casefold() for line in lines]


def _plain(value: str | float) -> str | float:
    return value if isinstance(value, str) else round(value, _DIGITS)
