"""Makes the transcript of a video of its sound, with a speech recogniser.

The sound goes to the recogniser in pieces, several at the same time; each is heard alone, so that a mistake does not
lead to the next. What comes back is put in order, its times are made times of the video, and segments that bear signs
of invention are dropped with a reason. Nothing that the sound or the recogniser holds can cost the video more than its
transcript.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from curation.text.transcribe.invented import repeated, signs
from curation.text.transcribe.pauses import Piece, pieces
from curation.text.transcribe.segments import UNANSWERED, Segments
from curation.video.sound import STEP, NoSound, Sound
from models.chat import ChatModel, Reply, Request
from schemas.configuration.text_config import TranscribeConfig
from schemas.kit.wav import wav_of
from schemas.parts.heard import Heard
from schemas.parts.transcript import Transcript
from schemas.safe_text import plain

log = logging.getLogger(__name__)
_MOST_NOTES = 20


Voice = Callable[[Path], Iterable[tuple[float, float]]]
"""Gives the spans (seconds, in order) of a file of samples in which somebody speaks."""


class _Said(NamedTuple):
    """A segment with times of the video (seconds); `fault` says why it is to be dropped."""

    start: float
    end: float
    text: str
    words: tuple[tuple[float, str], ...] = ()
    fault: str | None = None


def recognised(
    sound: Sound | NoSound,
    duration: float | None,
    recogniser: ChatModel,
    config: TranscribeConfig,
    notes: Sequence[str] = (),
    voice: Voice | None = None,
) -> Transcript:
    """The transcript of a video of `duration` seconds from its sound; `notes` go before those of this work.

    `voice` tells where somebody speaks; without it, all that is loud enough is sent. Without a segment there is a
    reason: `no_sound`, `sound_missed`, `unreadable_sound`, `silence` (nothing is loud enough, or nothing like a voice),
    `not_recognised` (the recogniser answered no piece) or `nothing_said`. Raises what `complete` of a model raises.
    """
    if isinstance(sound, NoSound):
        told = f"sound: {sound.evidence}" if sound.evidence else f"sound: {sound.reason}"
        return Transcript(reason=sound.reason, notes=_shown([*notes, told]))
    parts = pieces(sound.levels, STEP, config.piece_seconds, voice(sound.file) if voice is not None else None)
    if not parts:
        return Transcript(reason="silence", notes=_shown([*notes, *sound.notes]))
    said: list[_Said] = []
    languages: Counter[str] = Counter()
    answered = 0
    for begin in range(0, len(parts), max(1, recogniser.batch)):
        batch = parts[begin : begin + max(1, recogniser.batch)]
        replies = recogniser.complete([_request(sound, part, config.language) for part in batch])
        for part, reply in zip(batch, replies, strict=True):
            heard = _heard(reply)
            if isinstance(heard, str):
                log.warning("a piece of sound, %.1f-%.1f s: %s: %s", *part, heard, plain(reply.text, 300))
                said.append(_Said(*part, "", fault=heard))  # what a server says of itself is not published
                continue
            answered += 1
            found = [*_shifted(heard, part)]
            said += found
            if heard.language and found:
                languages[heard.language] += round(part.end - part.start)
    gathered = _gathered(said, config, duration)
    reason = None if gathered.kept else "nothing_said" if answered else "not_recognised"
    return Transcript(
        source="recognised",
        recogniser=recogniser.name,
        revision=recogniser.revision,
        language=config.language or _commonest(languages),
        segments=tuple(gathered.kept),
        dropped=tuple(gathered.dropped),
        more_dropped=gathered.more_dropped,
        notes=_shown([*notes, *sound.notes]),
        reason=reason,
    )


def _request(sound: Sound, part: Piece, language: str | None) -> Request:
    return Request(language or "", sound=wav_of(sound.piece(part.start, part.end)))


def _heard(reply: Reply) -> Heard | str:
    """What a reply says, or the reason why it says nothing."""
    if reply.finish != "stop":
        return "piece_refused" if reply.finish == "refused" else UNANSWERED
    try:
        return Heard.model_validate_json(reply.text)
    except ValidationError:  # a stored reply of another version
        return UNANSWERED


def _shifted(heard: Heard, part: Piece) -> Iterator[_Said]:
    """The segments of a piece with times of the video. What reaches over the piece's ends is cut there."""
    seconds = part.end - part.start

    def at(time: float) -> float:
        return round(part.start + min(max(time, 0.0), seconds), 3)

    for segment, sign in zip(heard.segments, signs(heard, seconds), strict=True):
        words = tuple((at(word.start), word.text) for word in segment.words)
        yield _Said(at(segment.start), at(segment.end), segment.text, words, sign)


def _gathered(said: Sequence[_Said], config: TranscribeConfig, duration: float | None) -> Segments:
    """The segments in order of time; of several in a row that are equal the first alone."""
    segments = Segments(config, duration)
    ordered = sorted(said, key=lambda one: (one.start, one.end))
    sound = [one for one in ordered if one.fault is None]
    again = {id(one) for one, is_again in zip(sound, repeated([one.text for one in sound]), strict=True) if is_again}
    for one in ordered:
        fault = "repeated" if id(one) in again else one.fault
        segments.offer(one.start, one.end, one.text, one.words, fault)
    return segments


def _commonest(languages: Counter[str]) -> str | None:
    """The language of most seconds; of equal ones the first by name."""
    return min(languages, key=lambda name: (-languages[name], name), default=None)


def _shown(notes: Sequence[str]) -> tuple[str, ...]:
    return tuple(plain(note, 300) for note in notes[:_MOST_NOTES])
