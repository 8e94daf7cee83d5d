"""Makes the transcript of a video of the subtitles that were downloaded with it.

Nothing that a track holds can cost the video more than its transcript: a track without use is noted, the next one is
read, and a segment without use is dropped with a reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import zip_longest

from curation.text.transcribe.cues import Cue, Unreadable, read_cues
from curation.text.transcribe.rolling import unrolled
from schemas.configuration.text_config import TranscribeConfig
from schemas.kit.utf8 import REPLACEMENT
from schemas.parts.transcript import DroppedSegment, SpokenSegment, SpokenWord, Transcript
from schemas.records import Subtitle, Video
from schemas.safe_text import plain
from schemas.time import Seconds

LONGEST = 1000  # characters of a segment; two lines on a screen have 84
_SHOWN = 100  # dropped segments that a record holds
_SHOWN_CHARACTERS = 200
_SLACK = 1.0  # seconds that a subtitle may begin after the end that the container states
_MOST_NOTES = 20
WRONG_CLOCK = "after_the_end"


def transcript_of(video: Video, read: Callable[[Subtitle], bytes], config: TranscribeConfig) -> Transcript:
    """The transcript of a video from its best track: one that people wrote before an automatic one, in their order.

    `read` gives the bytes of a track. Without a usable track the transcript is empty, with the reason of the first:
    `no_subtitles`, `unreadable_subtitles`, `wrong_clock` (most of it would be said after the end of the video) or
    `nothing_said`.
    """
    best: Transcript | None = None
    notes: list[str] = []
    for track in sorted(video.subtitles, key=lambda one: one.automatic):
        try:
            found = _of_track(track, read(track), video.duration, config)
        except Unreadable as error:
            found = Transcript(reason="unreadable_subtitles", notes=(plain(f"{_name(track)}: {error}"),))
        if found.segments:
            return found.model_copy(update={"notes": tuple(notes[:_MOST_NOTES])})
        notes += found.notes or [f"{_name(track)}: {found.reason}"]
        best = best or found
    best = best or Transcript(reason="no_subtitles")
    return best.model_copy(update={"notes": tuple(notes[:_MOST_NOTES])})


def _of_track(track: Subtitle, data: bytes, duration: float | None, config: TranscribeConfig) -> Transcript:
    cues: Iterable[Cue] = read_cues(data, track.format)
    if track.automatic:
        cues = cues if track.format == "json3" else unrolled(cues)
    kept: list[SpokenSegment] = []
    dropped: list[DroppedSegment] = []
    reasons: Counter[str] = Counter()
    characters = 0
    for cue in sorted(cues, key=lambda one: (one.start, one.end)):
        text = " ".join(line.text for line in cue.lines)
        if not text:
            continue
        reason = _fault(cue, text, duration)
        if reason is None and (len(kept) >= config.max_segments or characters + len(text) > config.max_characters):
            reason = "over_limit"
        if reason is None:
            kept.append(_segment(cue, text, duration))
            characters += len(text)
            continue
        reasons[reason] += 1
        if len(dropped) < _SHOWN:
            shown = plain(text, _SHOWN_CHARACTERS)
            dropped.append(DroppedSegment(start=Seconds(cue.start), end=Seconds(cue.end), text=shown, reason=reason))
    wrong_clock = reasons[WRONG_CLOCK] > len(kept)
    return Transcript(
        source="automatic" if track.automatic else "manual",
        language=plain(track.language, 64) or None,
        segments=() if wrong_clock else tuple(_without_overlap(kept) if track.automatic else kept),
        dropped=tuple(dropped),
        more_dropped=reasons.total() - len(dropped),
        reason="wrong_clock" if wrong_clock else None if kept else "nothing_said",
    )


def _fault(cue: Cue, text: str, duration: float | None) -> str | None:
    """Why a cue is no segment of a transcript; None when it is one."""
    if cue.end <= cue.start:
        return "no_time"
    if duration is not None and cue.start >= duration + _SLACK:
        return WRONG_CLOCK
    if len(text) > LONGEST:
        return "too_long"
    if REPLACEMENT in text:
        return "broken_characters"
    return None if any(character.isalnum() for character in text) else "no_words"


def _segment(cue: Cue, text: str, duration: float | None) -> SpokenSegment:
    end = cue.end if duration is None or cue.end <= duration else max(duration, cue.start)
    words = tuple(
        SpokenWord(start=Seconds(word.start), text=word.text)
        for line in cue.lines
        for word in line.words
        if cue.start <= word.start <= cue.end
    )
    return SpokenSegment(start=Seconds(cue.start), end=Seconds(end), text=text, words=words)


def _without_overlap(segments: list[SpokenSegment]) -> Iterable[SpokenSegment]:
    """Segments of automatic captions, which stay on the screen while the next one is said: each ends there."""
    for segment, after in zip_longest(segments, segments[1:]):
        if after is not None and segment.start < after.start < segment.end:
            yield segment.model_copy(update={"end": after.start})
        else:
            yield segment


def _name(track: Subtitle) -> str:
    return f"{plain(track.language, 64)} ({'automatic' if track.automatic else 'manual'}, {plain(track.format, 20)})"
