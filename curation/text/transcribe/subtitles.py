"""Makes the transcript of a video of the subtitles that came with it.

Nothing that a track holds can cost the video more than its transcript: a track without use is noted, the next one is
read, and a segment without use is dropped with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import zip_longest

from curation.text.transcribe.cues import Cue, Unreadable, read_cues
from curation.text.transcribe.rolling import unrolled
from curation.text.transcribe.segments import AFTER_THE_END, Segments
from schemas.configuration.text_config import TranscribeConfig
from schemas.kit.languages import UNKNOWN
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.records import Subtitle, Video
from schemas.safe_text import plain

_MOST_NOTES = 20


def transcript_of(video: Video, read: Callable[[Subtitle], bytes], config: TranscribeConfig) -> Transcript:
    """The transcript of a video from its best track: one that people wrote before an automatic one, in their order.

    `read` gives the bytes of a track. Without a usable track the transcript is empty, with the reason of the first:
    `no_subtitles`, `subtitles_missed` (there are some, and they could not be had), `unreadable_subtitles`,
    `wrong_clock` (most of it would be said after the end of the video) or `nothing_said`.
    """
    best: Transcript | None = None
    notes = [plain(note, 300) for note in video.missed_subtitles]
    for track in sorted(video.subtitles, key=lambda one: one.automatic):
        try:
            found = _of_track(track, read(track), video.duration, config)
        except Unreadable as error:
            found = Transcript(reason="unreadable_subtitles", notes=(plain(f"{_name(track)}: {error}"),))
        if found.segments:
            return found.model_copy(update={"notes": tuple(notes[:_MOST_NOTES])})
        notes += found.notes or [f"{_name(track)}: {found.reason}"]
        best = best or found
    best = best or Transcript(reason="subtitles_missed" if video.missed_subtitles else "no_subtitles")
    return best.model_copy(update={"notes": tuple(notes[:_MOST_NOTES])})


def _of_track(track: Subtitle, data: bytes, duration: float | None, config: TranscribeConfig) -> Transcript:
    cues: Iterable[Cue] = read_cues(data, track.format, track.language)
    if track.automatic:
        cues = cues if track.format == "json3" else unrolled(cues)
    found = Segments(config, duration)
    for cue in sorted(cues, key=lambda one: (one.start, one.end)):
        if text := " ".join(line.text for line in cue.lines):
            found.offer(cue.start, cue.end, text, [word for line in cue.lines for word in line.words])
    wrong_clock = found.reasons[AFTER_THE_END] > len(found.kept)
    return Transcript(
        source="automatic" if track.automatic else "manual",
        language=_known(track),
        segments=() if wrong_clock else tuple(_without_overlap(found.kept) if track.automatic else found.kept),
        dropped=tuple(found.dropped),
        more_dropped=found.more_dropped,
        reason="wrong_clock" if wrong_clock else None if found.kept else "nothing_said",
    )


def _known(track: Subtitle) -> str | None:
    language = plain(track.language, 64)
    return language if language and language != UNKNOWN else None


def _without_overlap(segments: list[SpokenSegment]) -> Iterable[SpokenSegment]:
    """Segments of automatic captions, which stay on the screen while the next one is said: each ends there."""
    for segment, after in zip_longest(segments, segments[1:]):
        if after is not None and segment.start < after.start < segment.end:
            yield segment.model_copy(update={"end": after.start})
        else:
            yield segment


def _name(track: Subtitle) -> str:
    return f"{plain(track.language, 64)} ({'automatic' if track.automatic else 'manual'}, {plain(track.format, 20)})"
