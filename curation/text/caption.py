"""The caption stage: one caption for every representative frame, bound to its picture by hash.

Frames are captioned one by one, or in clips (clips.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from curation.binding.canaries import Canary, positions, recognized
from curation.text.ask import NAMED_FAULTS, Answer, BadReply, GaveUp, Question, Read, ask, maker
from curation.text.clips import Subject, in_clips
from curation.text.degenerate import degenerate
from curation.text.echo import is_echo
from models.chat import ChatModel, Request
from prompts import Prompt
from schemas.binding import CanaryOutcome, CanaryOutcomes
from schemas.configuration.config import CaptionConfig
from schemas.errors import PermanentError
from schemas.records import Caption, CaptionSet, Effort, FailedCaption, Frame, FrameSet, Video
from schemas.safe_text import clean_text
from schemas.time import FrameIndex

LONGEST = 1000


def caption_frames(
    video: Video,
    frames: FrameSet,
    read: Callable[[FrameIndex], bytes],
    model: ChatModel,
    prompt: Prompt,
    config: CaptionConfig,
    *,
    reuse: bool = True,
    canaries: Sequence[Canary] = (),
    witness: Callable[[CanaryOutcomes], None] | None = None,
) -> CaptionSet:
    """Caption the frames of a video. With `reuse`, near-identical frames share the caption of their representative.

    `read(index)` gives a frame's JPEG. Only one batch of pictures is in memory at a time. `canaries` are inserted among
    the frames, at positions that their seeds determine (in clips of their own, where frames are captioned in clips);
    `witness` receives their outcomes before the captions are judged. A frame without a usable caption, and the frames
    that would have shared it, become FailedCaption. Raises PermanentError: `frame_changed` or `frame_missing` when a
    picture is not the one that was sampled; when more than `config.max_failed` of all frames have no caption
    `prompt_echo` or `degenerate_text` if that is the commonest reason, else `captions_failed`.
    """
    if frames.video_sha256 != video.sha256:
        raise PermanentError("frame_changed", f"frames of video {frames.video_sha256[:12]}, not {video.sha256[:12]}")
    asked = [frame for frame in frames.frames if not (reuse and frame.same_as is not None)]
    text = prompt.render()

    def read_reply(reply: str) -> Read[str]:
        return read_caption(reply, prompt, config.language)

    def picture(subject: Subject) -> bytes:
        return subject.image if isinstance(subject, Canary) else _picture(subject, read)

    outcomes: dict[FrameIndex, Answer[str] | GaveUp] = {}
    canary_outcomes: list[CanaryOutcome] = []
    subjects = _with_canaries(asked, canaries)
    if config.unit == "clip":
        told = in_clips(subjects, frames, picture, model, text, read_reply, config)
    else:
        told = _one_by_one(subjects, picture, model, text, read_reply, config)
    for subject, outcome in told:
        if isinstance(subject, Frame):
            outcomes[subject.index] = outcome
        elif said := outcome.value if isinstance(outcome, Answer) else outcome.raw:
            canary_outcomes.append(_outcome(subject, said, outcome))
    if witness is not None:
        witness(CanaryOutcomes(outcomes=tuple(canary_outcomes)))
    captions: list[Caption] = []
    failed: list[FailedCaption] = []
    for frame in frames.frames:
        owner = frame.same_as if reuse and frame.same_as is not None else frame.index
        made = _record(video, frame, owner, outcomes)
        if isinstance(made, Caption):
            captions.append(made)
        else:
            failed.append(made)
    _judge(captions, failed, len(frames.frames), config)
    return CaptionSet(maker=maker(prompt, model), captions=tuple(captions), failed=tuple(failed))


def _one_by_one(
    subjects: Sequence[Subject],
    picture: Callable[[Subject], bytes],
    model: ChatModel,
    text: str,
    read: Callable[[str], Read[str]],
    config: CaptionConfig,
) -> Iterator[tuple[Subject, Answer[str] | GaveUp]]:
    """Caption each subject by a request of its own; gives each with what came of it."""
    size = max(1, model.batch)
    for start in range(0, len(subjects), size):
        batch = subjects[start : start + size]
        requests = [Request(text, picture(subject), None, config.max_tokens) for subject in batch]
        yield from zip(batch, ask(model, requests, lambda _, reply: read(reply), config.attempts), strict=True)


def _with_canaries(frames: Sequence[Frame], canaries: Sequence[Canary]) -> list[Subject]:
    """The frames in order, with the canaries inserted among them."""
    subjects: list[Subject] = list(frames)
    for before, canary in reversed(list(zip(positions(len(frames), canaries), canaries, strict=True))):
        subjects.insert(before, canary)
    return subjects


def _outcome(canary: Canary, said: str, outcome: Answer[str] | GaveUp) -> CanaryOutcome:
    return CanaryOutcome(
        picture=canary.picture,
        seed=canary.seed,
        words=canary.words,
        said=said[:LONGEST],
        right=recognized(canary.words, said),
        server=outcome.server,
        effort=outcome.effort,
    )


def _picture(frame: Frame, read: Callable[[FrameIndex], bytes]) -> bytes:
    try:
        image = read(frame.index)
    except FileNotFoundError as error:
        raise PermanentError("frame_missing", f"no picture of frame {frame.index}") from error
    sha256 = hashlib.sha256(image).hexdigest()
    if sha256 != frame.sha256:
        raise PermanentError("frame_changed", f"frame {frame.index}: sha256 {sha256[:12]}, sampled {frame.sha256[:12]}")
    return image


def read_caption(reply: str, prompt: Prompt, language: str | None = None) -> Read[str]:
    """The caption in a reply to `prompt`. Removing white space around it is no repair.

    Raises BadReply for a reply that is empty, longer than 1,000 characters, without letters, copied from the prompt
    (`prompt_echo`), or no caption for another reason (`degenerate_text`; see `degenerate`).
    """
    value = clean_text(reply)
    if not value:
        raise BadReply("empty")
    if len(value) > LONGEST:
        raise BadReply(f"too_long: {len(value)} characters")
    if not any(c.isalpha() for c in value):
        raise BadReply("no_words")
    if is_echo(value, prompt.own):
        raise BadReply(f"prompt_echo: {value[:200]!r}")
    if fault := degenerate(value, prompt.own, language=language):
        raise BadReply(f"degenerate_text: {fault}")
    return Read(value, value != reply.strip())


def question(prompt: Prompt, language: str | None = None) -> Question:
    """What the model is asked about every frame, beside its picture; `language` as for `read_caption`."""
    return Question(prompt.render(), lambda reply: read_caption(reply, prompt, language))


def _record(
    video: Video, frame: Frame, owner: FrameIndex, outcomes: dict[FrameIndex, Answer[str] | GaveUp]
) -> Caption | FailedCaption:
    outcome = outcomes.get(owner)
    own = owner == frame.index
    if outcome is None:
        return FailedCaption(index=frame.index, time=frame.time, reason="no_representative")
    if isinstance(outcome, GaveUp):
        reason = outcome.reason if own else f"representative_failed: frame {owner}"
        return FailedCaption(index=frame.index, time=frame.time, reason=reason, raw=outcome.raw if own else "")
    return Caption(
        index=frame.index,
        time=frame.time,
        video_sha256=video.sha256,
        pts=frame.pts,
        image_sha256=frame.sha256,
        text=outcome.value,
        reused_from=None if own else owner,
        effort=outcome.effort if own else Effort(),
    )


def _judge(captions: Sequence[Caption], failed: Sequence[FailedCaption], total: int, config: CaptionConfig) -> None:
    if captions and len(failed) <= config.max_failed * total:
        return
    first = failed[0]
    slugs = [failure.reason.split(":")[0] for failure in failed]
    commonest = max(sorted(set(slugs)), key=slugs.count)
    raise PermanentError(
        commonest if commonest in NAMED_FAULTS else "captions_failed",
        f"{len(failed)} of {total} frames (allowed {config.max_failed:.0%}); "
        f"first frame {first.index}: {first.reason}; last reply: {first.raw!r}",
    )
