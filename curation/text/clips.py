"""Captions of clips: several frames in one request, so that motion and change can be said; a caption for each frame.

The pictures of a clip are sent in order, each after its time, and the reply is bound to these times by its schema. The
last frame of the clip before is shown first, for what changed since. Canaries are captioned in clips of their own:
among frames they would look like an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from curation.binding.canaries import Canary
from curation.text.ask import Answer, BadReply, GaveUp, Read, ask
from models.chat import ChatModel, JsonSchema, Request, Shown
from schemas.configuration.config import CaptionConfig
from schemas.records import Effort, Frame, FrameSet
from schemas.time import plain_seconds

Subject = Frame | Canary
_KEY_TOKENS = 12  # of a reply, for each caption: its time and what JSON needs
_REPLY = TypeAdapter(dict[str, str])


class Clip(NamedTuple):
    """The subjects of one request, each of which gets a caption, and the one that is shown before them."""

    subjects: tuple[Subject, ...]
    before: Frame | None = None


def clips_of(subjects: Sequence[Subject], size: int) -> list[Clip]:
    """The subjects in order in clips of at most `size`: frames with frames, canaries with canaries."""
    clips: list[Clip] = []
    frames: list[Frame] = []
    canaries: list[Canary] = []
    before: Frame | None = None

    def close_frames() -> None:
        nonlocal before
        if frames:
            clips.append(Clip(tuple(frames), before))
            before = frames[-1]
            frames.clear()

    def close_canaries() -> None:
        if canaries:
            clips.append(Clip(tuple(canaries)))
            canaries.clear()

    for subject in subjects:
        if isinstance(subject, Canary):
            canaries.append(subject)
            if len(canaries) == size:
                close_canaries()
        else:
            frames.append(subject)
            if len(frames) == size:
                close_frames()
    close_frames()
    close_canaries()
    return clips


def in_clips(
    subjects: Sequence[Subject],
    frames: FrameSet,
    picture: Callable[[Subject], bytes],
    model: ChatModel,
    text: str,
    read: Callable[[str], Read[str]],
    config: CaptionConfig,
) -> Iterator[tuple[Subject, Answer[str] | GaveUp]]:
    """Caption the subjects in clips of `config.clip_frames`; gives each with what came of it, clip by clip.

    `picture` gives a subject's JPEG, `read` a caption of one text; it may raise BadReply. A clip of which a reply has
    one unusable caption is asked again as a whole; after all attempts its subjects are asked one by one, each with the
    one before it. The effort of a clip is that of its first subject. Raises what `ask` and `picture` raise.
    """
    asker = _Asker(_names(frames), picture, model, text, read, config)
    clips = clips_of(subjects, config.clip_frames)
    at_once = max(1, model.batch // config.clip_frames)
    for start in range(0, len(clips), at_once):
        part = clips[start : start + at_once]
        for clip, outcome in zip(part, asker.ask(part), strict=True):
            if isinstance(outcome, GaveUp) and len(clip.subjects) > 1:
                yield from _alone(asker, clip, outcome.effort)
            else:
                yield from _shared(clip, outcome)


def schema_of(keys: Sequence[str], longest: int) -> JsonSchema:
    """The JSON schema of a reply: a caption for each of these times, and nothing else."""
    return {
        "type": "object",
        "properties": {key: {"type": "string", "minLength": 1, "maxLength": longest} for key in keys},
        "required": list(keys),
        "additionalProperties": False,
    }


class _Asker:
    """Asks about clips of one video."""

    def __init__(
        self,
        names: Mapping[int, str],
        picture: Callable[[Subject], bytes],
        model: ChatModel,
        text: str,
        read: Callable[[str], Read[str]],
        config: CaptionConfig,
    ) -> None:
        self._names, self._picture, self._model = names, picture, model
        self._text, self._read, self._config = text, read, config

    def ask(self, clips: Sequence[Clip]) -> list[Answer[list[str]] | GaveUp]:
        """The captions of each clip, in the order of its subjects."""
        keys = [_keys(clip) for clip in clips]
        requests = [self._request(clip, own) for clip, own in zip(clips, keys, strict=True)]
        return ask(self._model, requests, lambda place, text: self._captions(keys[place], text), self._config.attempts)

    def _request(self, clip: Clip, keys: Sequence[str]) -> Request:
        shown = [Shown(f"{self._name(clip.before)} (shown before)", self._picture(clip.before))] if clip.before else []
        for key, subject in zip(keys, clip.subjects, strict=True):
            name = self._name(subject) if isinstance(subject, Frame) else f"[{key}]"
            shown.append(Shown(name, self._picture(subject)))
        longest = 4 * self._config.max_tokens
        tokens = len(keys) * (self._config.max_tokens + _KEY_TOKENS)
        return Request(self._text, None, schema_of(keys, longest), tokens, clip=tuple(shown))

    def _name(self, frame: Frame) -> str:
        return self._names[frame.index]

    def _captions(self, keys: Sequence[str], text: str) -> Read[list[str]]:
        try:
            reply = _REPLY.validate_json(text, strict=True)
        except ValidationError as error:
            raise BadReply(f"not_the_schema: {error.errors()[0]['type']}") from error
        if reply.keys() != set(keys):
            raise BadReply(f"other_times: {[*reply][:5]}")
        captions = [self._read(reply[key]) for key in keys]
        return Read([each.value for each in captions], any(each.repaired for each in captions))


def _alone(asker: _Asker, clip: Clip, spent: Effort) -> Iterator[tuple[Subject, Answer[str] | GaveUp]]:
    """Each subject of a clip that failed as a clip of its own; `spent` is what was in vain, charged to the first."""
    frames = [subject for subject in clip.subjects if isinstance(subject, Frame)]
    parts = [Clip((subject,)) for subject in clip.subjects]
    if frames:
        parts = [Clip((frame,), before) for before, frame in zip([clip.before, *frames], frames, strict=False)]
    for part, outcome in zip(parts, asker.ask(parts), strict=True):
        yield from _shared(part, outcome._replace(effort=outcome.effort + spent))
        spent = Effort()


def _shared(clip: Clip, outcome: Answer[list[str]] | GaveUp) -> Iterator[tuple[Subject, Answer[str] | GaveUp]]:
    """The outcome of a clip for each of its subjects."""
    for place, subject in enumerate(clip.subjects):
        effort = outcome.effort if place == 0 else Effort()
        if isinstance(outcome, GaveUp):
            yield subject, outcome._replace(effort=effort)
        else:
            yield subject, Answer(outcome.value[place], effort, outcome.server)


def _keys(clip: Clip) -> list[str]:
    """The times of a clip as its reply has them; canaries have none, so they are counted."""
    return [
        plain_seconds(subject.time) if isinstance(subject, Frame) else str(place)
        for place, subject in enumerate(clip.subjects)
    ]


def _names(frames: FrameSet) -> dict[int, str]:
    """The line before each frame's picture: its time, and until when the frames after it look the same."""
    names: dict[int, str] = {}
    for place, frame in enumerate(frames.frames):
        last = place
        while last + 1 < len(frames.frames) and frames.frames[last + 1].same_as == frame.index:
            last += 1
        until = f" (unchanged until {plain_seconds(frames.frames[last].time)})" if last > place else ""
        names[frame.index] = f"[{plain_seconds(frame.time)}]{until}"
    return names
