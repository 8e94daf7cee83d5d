"""The measurements of the sample audit, computed from vectors of captions, sentences and pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from curation.audit import formulas
from curation.audit.contradictions import contradicted
from curation.audit.formulas import Vectors
from schemas.audit import Coverage, Grounding, Redundancy, SentenceSupport, Support
from schemas.errors import PermanentError
from schemas.parts.screen_text import ScreenText
from schemas.parts.transcript import Transcript
from schemas.records import CaptionSet, Frame, FrameSet, Sentence, Summary
from schemas.time import Seconds

NEAR = 5.0  # seconds; what is said so near to a keyframe may be what a sentence about it tells
_LONGEST_TOLD = 2000  # characters near one keyframe
T = TypeVar("T")


class Keyframe(NamedTuple):
    """A keyframe of the summary: its time (seconds), its frame and its caption; None where one is missing."""

    time: Seconds
    frame: Frame | None
    caption: str | None


class ClipVectors(NamedTuple):
    """Unit vectors [d] of the CLIP named `clip`: `pictures` in order of the keyframes (None: no picture), `texts`."""

    clip: str
    pictures: tuple[Vectors | None, ...]
    texts: Mapping[str, Vectors]


def keyframes_of(frames: FrameSet, captions: CaptionSet, summary: Summary) -> tuple[Keyframe, ...]:
    """The summary's keyframes in order of time."""
    by_time = {frame.time: frame for frame in frames.frames}
    by_index = {caption.index: caption.text for caption in captions.captions}
    pairs = [(time, by_time.get(time)) for time in summary.v2v]
    return tuple(Keyframe(time, frame, by_index.get(frame.index) if frame else None) for time, frame in pairs)


def embedded(texts: Iterable[str], embed: Callable[[Sequence[str]], Vectors]) -> dict[str, Vectors]:
    """The vector [d] of each text. Each is embedded once and in sorted order: the order of `texts` has no influence."""
    distinct = sorted(set(texts))
    return dict(zip(distinct, vectors_of(distinct, embed), strict=True)) if distinct else {}


def vectors_of(items: Sequence[T], embed: Callable[[Sequence[T]], Vectors]) -> Vectors:
    """The vectors of the items, float32 [n, d].

    Raises PermanentError when their number is wrong or a value is not finite: NaN would become a similarity of 0.
    """
    vectors = np.asarray(embed(items), np.float32)
    if len(vectors) != len(items) or not np.isfinite(vectors).all():
        raise PermanentError("bad_vectors", f"{vectors.shape} for {len(items)} items, or not finite")
    return vectors


def grounding(keyframes: Sequence[Keyframe], clip_vectors: ClipVectors) -> Grounding:
    """The cosine of each keyframe's caption and its own picture. Raises PermanentError when no keyframe has both."""
    values = tuple(
        formulas.cosine(float(picture @ clip_vectors.texts[keyframe.caption]))
        if picture is not None and keyframe.caption is not None
        else None
        for keyframe, picture in zip(keyframes, clip_vectors.pictures, strict=True)
    )
    measured = [(value, keyframe.time) for value, keyframe in zip(values, keyframes, strict=True) if value is not None]
    if not measured:
        raise PermanentError("nothing_to_compare", "no keyframe has both a picture and a caption")
    worst, time = min(measured)
    average = formulas.cosine(formulas.mean(value for value, _ in measured))
    return Grounding(clip=clip_vectors.clip, keyframes=values, mean=average, worst=worst, worst_time=time)


def coverage(
    frames: FrameSet,
    keyframes: Sequence[Keyframe],
    captions: Sequence[str],
    sentences: Sequence[str],
    text_vectors: Mapping[str, Vectors],
) -> Coverage:
    """How well the keyframes represent the captions of all frames and the shots, and the sentences the keyframes.

    `text_vectors` gives the vector of every caption and sentence.
    """
    everything = sorted(Counter(captions).items())
    kept = sorted(Counter(k.caption for k in keyframes if k.caption is not None).items())
    kept_vectors = _stack(text_vectors, (text for text, _ in kept))
    return Coverage(
        captions=formulas.represented(
            _stack(text_vectors, (text for text, _ in everything)), kept_vectors, [count for _, count in everything]
        ),
        text=formulas.represented(
            kept_vectors, _stack(text_vectors, sorted(set(sentences))), [count for _, count in kept]
        ),
        shots=formulas.shots_shown(frames.shots, (k.frame.index for k in keyframes if k.frame is not None)),
    )


def redundancy(
    keyframes: Sequence[Keyframe], sentences: Sequence[str], text_vectors: Mapping[str, Vectors]
) -> Redundancy:
    """How far sentences repeat each other by their vectors, and keyframes by their pictures' perceptual hashes."""
    return Redundancy(
        sentences=formulas.repeated(_stack(text_vectors, sorted(sentences))),
        pictures=formulas.repeated_pictures([k.frame.phash for k in keyframes if k.frame is not None]),
    )


def told_near(
    keyframes: Sequence[Keyframe], transcript: Transcript | None, written: ScreenText | None
) -> dict[float, str]:
    """What is said and written within NEAR seconds of each keyframe, as one line, by its time; only where something is.

    Credits tell nothing of what happens.
    """
    told: dict[float, str] = {}
    spans = [(one.start, one.end, one.text) for one in (transcript.segments if transcript is not None else ())]
    for reading in written.readings if written is not None else ():
        lines = " ".join(line.text for line in reading.lines if line.kind != "credits")
        spans += [(reading.time, reading.until, lines)] if lines else []
    for keyframe in keyframes if spans else ():
        first, last = keyframe.time - NEAR, keyframe.time + NEAR
        near = [text for start, end, text in spans if end > first and start < last]
        if near:
            told[float(keyframe.time)] = " ".join(near)[:_LONGEST_TOLD]
    return told


def support(
    keyframes: Sequence[Keyframe],
    sentences: Sequence[Sentence],
    text_vectors: Mapping[str, Vectors],
    clip_vectors: ClipVectors | None,
    threshold: float,
    told: Mapping[float, str] | None = None,
) -> Support:
    """Score each sentence by the captions and pictures that it cites.

    `told` is what is said or written near each keyframe, by its time: it supports a sentence as a caption does. From
    `threshold` on it counts as supported, unless its captions contradict it.
    """
    near = told or {}
    scores = tuple(_sentence(keyframes, one, text_vectors, clip_vectors, threshold, near) for one in sentences)
    pictures = [score.picture for score in scores if score.picture is not None]
    return Support(
        sentences=scores,
        unsupported=formulas.share(formulas.mean(not score.supported for score in scores)),
        mean=formulas.share(formulas.mean(score.score for score in scores)),
        pictures=formulas.share(formulas.mean(pictures)) if pictures else None,
    )


def _sentence(
    keyframes: Sequence[Keyframe],
    sentence: Sentence,
    text_vectors: Mapping[str, Vectors],
    clip_vectors: ClipVectors | None,
    threshold: float,
    told: Mapping[float, str],
) -> SentenceSupport:
    """The support of one sentence by the captions that it cites, and by what is said and written then.

    The score is the mean of two numbers: the share of the sentence's words that the captions hold, and the similarity
    to the most similar caption. The words detect an object that is not in the captions; the similarity accepts a
    paraphrase, if the embedder knows meanings. Pictures are not part of the score: how well they separate sentences
    depends on how different the video's scenes are.
    """
    cited = frozenset(sentence.times)
    captions = sorted({k.caption for k in keyframes if k.time in cited and k.caption is not None})
    given = [*captions, *sorted({told[time] for time in cited if time in told})]
    similarity = formulas.share(max((float(text_vectors[sentence.text] @ text_vectors[c]) for c in given), default=0.0))
    words = formulas.words_held(sentence.text, given)
    score = formulas.share(similarity if words is None else (words + similarity) / 2)
    against = contradicted(sentence.text, captions)
    return SentenceSupport(
        score=score,
        words=words,
        similarity=similarity,
        picture=_picture_wins(keyframes, cited, clip_vectors, sentence.text) if clip_vectors is not None else None,
        supported=score >= threshold and not against,
        contradicted=against,
    )


def _picture_wins(
    keyframes: Sequence[Keyframe], cited: frozenset[float], clip_vectors: ClipVectors, text: str
) -> float | None:
    """How often a cited picture is nearer to the text than a picture that is not cited; None without either."""
    cosines: dict[bool, list[float]] = {True: [], False: []}
    for keyframe, picture in zip(keyframes, clip_vectors.pictures, strict=True):
        if picture is not None:
            cosines[keyframe.time in cited].append(formulas.cosine(float(picture @ clip_vectors.texts[text])))
    return formulas.wins(cosines[True], cosines[False])


def _stack(vectors: Mapping[str, Vectors], texts: Iterable[str]) -> Vectors:
    rows = [vectors[text] for text in texts]
    return np.stack(rows) if rows else np.zeros((0, 0), np.float32)
