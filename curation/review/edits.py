"""The edits of a person as data, and a sample with the edits applied. Pure functions.

The edits of a verdict are applied as a whole or not at all, and nothing is guessed:

- A caption becomes the person's text. A caption that the person emptied, or judged wrong and did not change, is
  removed: its frame counts as a frame without caption, reason `judged_wrong`. Captions of other frames do not change.
- A dropped keyframe is removed with its citations. A sentence that cites dropped keyframes only is removed too.
- An added keyframe has the person's caption, else the model's caption of that frame, else none.
- An edited summary is read in the annotation form, `[3.0]Sentence. [5.0][6.0]Sentence.`. A whole number `[3]` means
  seconds. A time cites the nearest sampled frame, at most half a sampling step away. The sentences are ordered by their
  first time. Text without times, or with times of frames that are not keyframes, has no pictures: then no edit of the
  verdict is applied and the sample is disputed.
- A corrected line of the transcript becomes the text of its segment, which then has no words with times. It holds for
  the line that was shown: where the transcript has no such line any more, the sample is disputed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.records import Caption, CaptionSet, FailedCaption, FrameSet, Review, Sample, SampleScores, Sentence
from schemas.review import CorrectedLine, Verdict
from schemas.safe_text import clean_text
from schemas.temporal import format_seconds
from schemas.temporal_lenient import lenient_seconds
from schemas.time import FrameIndex, Seconds, round_half_up

JUDGED_WRONG = "judged_wrong"
_BEGINS = re.compile(r"\s*\[[0-9]", re.ASCII)


class Inapplicable(Exception):
    """The edits of a person cannot be applied; `slug` is the reason."""

    def __init__(self, slug: str) -> None:
        """Keep the slug, which is also the message."""
        super().__init__(slug)
        self.slug = slug


class Edits(NamedTuple):
    """The differences from the sample: captions by frame (None: removed), keyframes, and the text of the summary.

    `dropped` and `added` are keyframes; an added keyframe comes with its caption, if it has one. `summary` is None when
    it is unchanged. `lines` are those of the transcript.
    """

    captions: tuple[tuple[FrameIndex, str | None], ...] = ()
    dropped: tuple[FrameIndex, ...] = ()
    added: tuple[tuple[FrameIndex, str | None], ...] = ()
    summary: str | None = None
    lines: tuple[CorrectedLine, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any edit."""
        return self != Edits()


def edits_of(sample: Sample, verdict: Verdict) -> Edits:
    """The edits that a verdict makes to this sample; all texts are single lines.

    An added keyframe that is a keyframe of the sample already adds nothing, but its caption may change.
    """
    texts = {caption.index: caption.text for caption in sample.captions.captions}
    keyframes = set(sample.extract.keyframes)
    captions: dict[FrameIndex, str | None] = {}
    dropped = {shown.index for shown in verdict.keyframes if shown.judged == "drop"}
    for shown in verdict.keyframes:
        own = texts.get(shown.index)
        text = clean_text(shown.caption)
        if shown.judged == "drop":
            continue
        if shown.changed and text != clean_text(own or ""):
            captions[shown.index] = text or None
        elif shown.judged == "wrong" and own is not None:
            captions[shown.index] = None
    added: dict[FrameIndex, str | None] = {}
    for new in verdict.added:
        text = clean_text(new.caption or "")
        if new.index not in keyframes or new.index in dropped:
            added[new.index] = text or None
        elif text and text != clean_text(texts.get(new.index, "")):
            captions[new.index] = text
    summary = verdict.summary
    if summary is not None and _untouched(sample, summary):
        summary = None
    lines = tuple(_corrections(sample.transcript, verdict.transcript))
    return Edits(tuple(sorted(captions.items())), tuple(sorted(dropped)), tuple(sorted(added.items())), summary, lines)


def edited(sample: Sample, edits: Edits) -> Sample:
    """The sample with the edits applied; its review lists them.

    Its scores are null: they were measured on what the models wrote. `binding_match` stays where no caption changed.
    Raises Inapplicable: `unknown_frame`, `dropped_and_added`, `no_keyframe_left`, `no_caption_left`,
    `no_sentence_left`, `summary_without_times`, `summary_unreadable`, `summary_cites_no_keyframe`, `unknown_line`.
    """
    frames = sample.frames
    before = set(sample.extract.keyframes)
    dropped, added = set(edits.dropped), dict(edits.added)
    if not (dropped | dict(edits.captions).keys()) <= before or not added.keys() <= set(range(len(frames.frames))):
        raise Inapplicable("unknown_frame")
    if dropped & added.keys():
        raise Inapplicable("dropped_and_added")
    keyframes = tuple(sorted((before - dropped) | added.keys()))
    if not keyframes:
        raise Inapplicable("no_keyframe_left")
    times = tuple(frames.frames[index].time for index in keyframes)
    written = {index: text for index, text in added.items() if text is not None} | dict(edits.captions)
    sentences = _sentences(sample, edits, set(keyframes), dropped)
    changed = sentences != sample.summary.v2vt
    summary = sample.summary.model_copy(
        update={
            "v2v": times,
            "v2vt": sentences,
            "v2t": " ".join(sentence.text for sentence in sentences) if changed else sample.summary.v2t,
            "merged": tuple(line for line in sample.summary.merged if {line.time, line.into} <= set(times)),
        }
    )
    extract = sample.extract.model_copy(
        update={"keyframes": keyframes, "times": times, "ratio": len(keyframes) / len(frames.frames)}
    )
    review = Review(
        captions_edited=tuple(sorted(index for index, text in written.items() if text is not None)),
        captions_withdrawn=tuple(sorted(index for index, text in written.items() if text is None)),
        keyframes_added=tuple(sorted(added)),
        keyframes_dropped=tuple(sorted(dropped)),
        summary_edited=edits.summary is not None and changed,
        transcript_edited=tuple(line.index for line in edits.lines),
    )
    captions = _captions(sample.captions, frames, written)
    scores = SampleScores(binding_match=None if written else sample.scores.binding_match)
    parts = {"captions": captions, "extract": extract, "summary": summary, "review": review, "scores": scores}
    if edits.lines:
        parts["transcript"] = _corrected(sample.transcript, edits.lines)
    return sample.model_copy(update=parts)


def _untouched(sample: Sample, summary: str) -> bool:
    """Whether a summary has the sentences and times of the sample, whatever the form of times and white space."""
    own = sample.summary.v2vt
    if clean_text(summary) == clean_text(format_seconds(own)):
        return True
    try:
        read = [(_cited(s, sample.frames, set(sample.extract.keyframes)), clean_text(s.text)) for s in _read(summary)]
    except Inapplicable:
        return False
    return read == [(s.times, clean_text(s.text)) for s in own]


def _captions(old: CaptionSet, frames: FrameSet, written: Mapping[FrameIndex, str | None]) -> CaptionSet:
    captions = {caption.index: caption for caption in old.captions}
    failed = {failure.index: failure for failure in old.failed}
    for index, text in written.items():
        frame = frames.frames[index]
        if text is None:
            captions.pop(index, None)
            failed.setdefault(index, FailedCaption(index=index, time=frame.time, reason=JUDGED_WRONG))
            continue
        failed.pop(index, None)
        binding = {"video_sha256": frames.video_sha256, "pts": frame.pts, "image_sha256": frame.sha256}
        made = captions.get(index) or Caption(index=index, time=frame.time, text=text, **binding)
        captions[index] = made.model_copy(update={"text": text, "reused_from": None})
    if not captions:
        raise Inapplicable("no_caption_left")
    return old.model_copy(
        update={
            "captions": tuple(captions[index] for index in sorted(captions)),
            "failed": tuple(failed[index] for index in sorted(failed)),
        }
    )


def _sentences(
    sample: Sample, edits: Edits, keyframes: set[FrameIndex], dropped: set[FrameIndex]
) -> tuple[Sentence, ...]:
    """The sentences after the edits; each cites keyframes that still exist."""
    frames = sample.frames.frames
    gone = {frames[index].time for index in dropped}
    if edits.summary is None:
        kept = list(_without(sample.summary.v2vt, gone))
    else:
        read = [
            Sentence(times=_cited(sentence, sample.frames, keyframes | dropped), text=clean_text(sentence.text))
            for sentence in _read(edits.summary)
        ]
        kept = sorted(_without(read, gone), key=lambda sentence: min(sentence.times))
    if not kept:
        raise Inapplicable("no_sentence_left")
    return tuple(kept)


def _corrections(transcript: Transcript | None, lines: Iterable[CorrectedLine]) -> Iterator[CorrectedLine]:
    """The lines whose text would change, by their places, the last of each; none where no transcript is published."""
    if transcript is None:
        return
    found = {line.index: line.model_copy(update={"after": clean_text(line.after)}) for line in lines}
    for index, line in sorted(found.items()):
        segment = _segment(transcript, index)
        already = segment is not None and segment.start == line.start and clean_text(segment.text) == line.after
        if line.after and not already:
            yield line


def _corrected(transcript: Transcript | None, lines: Iterable[CorrectedLine]) -> Transcript:
    """The transcript with corrected lines. Raises Inapplicable where a line is not the one that was shown.

    It may have got another case or punctuation since, by a denoiser that was turned on: the person's text replaces it.
    """
    if transcript is None:
        raise Inapplicable("unknown_line")
    segments = list(transcript.segments)
    for line in lines:
        segment = _segment(transcript, line.index)
        if segment is None or (segment.start, _letters(segment.text)) != (line.start, _letters(line.before)):
            raise Inapplicable("unknown_line")
        # Nobody timed the words of the person's text.
        segments[line.index] = segment.model_copy(update={"text": line.after, "words": ()})
    return transcript.model_copy(update={"segments": tuple(segments)})


def _letters(text: str) -> str:
    """What is said, without case and punctuation."""
    return "".join(filter(str.isalnum, text.casefold())) or text


def _segment(transcript: Transcript | None, index: int) -> SpokenSegment | None:
    segments = transcript.segments if transcript is not None else ()
    return segments[index] if index < len(segments) else None


def _read(text: str) -> tuple[Sentence, ...]:
    if not _BEGINS.match(text):
        raise Inapplicable("summary_without_times")
    read = lenient_seconds(text)
    if read.problems or not read.lines or not all(clean_text(line.text) for line in read.lines):
        raise Inapplicable("summary_unreadable")
    return read.lines


def _cited(sentence: Sentence, frames: FrameSet, known: set[FrameIndex]) -> tuple[Seconds, ...]:
    """The times of the cited keyframes, each once, in the given order. Raises Inapplicable."""
    last = frames.frames[-1].time
    inside = all(time <= last + 1 / frames.fps for time in sentence.times)
    cited = [FrameIndex(round_half_up(time * frames.fps)) for time in sentence.times] if inside else []
    if not inside or not set(cited) <= known:
        raise Inapplicable("summary_cites_no_keyframe")
    return tuple(dict.fromkeys(frames.frames[index].time for index in cited))


def _without(sentences: Iterable[Sentence], gone: set[Seconds]) -> Iterable[Sentence]:
    for sentence in sentences:
        times = tuple(time for time in sentence.times if time not in gone)
        if times:
            yield sentence if times == sentence.times else sentence.model_copy(update={"times": times})
