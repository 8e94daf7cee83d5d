"""What the sample audit measures, from captions, sentences and pictures that are vectors already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from curation.audit import formulas as scores
from curation.audit.formulas import Vectors
from schemas.audit import Coverage, Grounding, Redundancy, SentenceSupport, Support
from schemas.errors import PermanentError
from schemas.records import CaptionSet, Frame, FrameSet, Sentence, Summary
from schemas.time import Seconds

T = TypeVar("T")


class Keyframe(NamedTuple):
    """A keyframe of the summary: its time (seconds), its frame and its caption, None where there is none."""

    time: Seconds
    frame: Frame | None
    caption: str | None


class ClipVectors(NamedTuple):
    """Unit vectors [d] in CLIP's space: `pictures` by keyframe (None: no picture), `texts` by text."""

    clip: str
    pictures: tuple[Vectors | None, ...]
    texts: Mapping[str, Vectors]


def keyframes_of(frames: FrameSet, captions: CaptionSet, summary: Summary) -> tuple[Keyframe, ...]:
    """The summary's keyframes in order of time."""
    by_time = {frame.time: frame for frame in frames.frames}
    by_index = {caption.index: caption.text for caption in captions.captions}
    found = [(time, by_time.get(time)) for time in summary.v2v]
    return tuple(Keyframe(time, frame, by_index.get(frame.index) if frame else None) for time, frame in found)


def embedded(texts: Iterable[str], embed: Callable[[Sequence[str]], Vectors]) -> dict[str, Vectors]:
    """The vector [d] of each text; each is embedded once and in sorted order, so that the order given changes none."""
    distinct = sorted(set(texts))
    return dict(zip(distinct, vectors_of(distinct, embed), strict=True)) if distinct else {}


def vectors_of(things: Sequence[T], embed: Callable[[Sequence[T]], Vectors]) -> Vectors:
    """float32 [n, d], finite. Raises PermanentError for anything else: NaN would pass for a similarity of 0."""
    vectors = np.asarray(embed(things), np.float32)
    if len(vectors) != len(things) or not np.isfinite(vectors).all():
        raise PermanentError("bad_vectors", f"{vectors.shape} for {len(things)} items, or not finite")
    return vectors


def grounding(keyframes: Sequence[Keyframe], sights: ClipVectors) -> Grounding:
    """Each keyframe's caption against its own picture. Raises PermanentError when none has both."""
    values = tuple(
        scores.cosine(float(picture @ sights.texts[keyframe.caption]))
        if picture is not None and keyframe.caption is not None
        else None
        for keyframe, picture in zip(keyframes, sights.pictures, strict=True)
    )
    there = [(value, keyframe.time) for value, keyframe in zip(values, keyframes, strict=True) if value is not None]
    if not there:
        raise PermanentError("nothing_to_compare", "no keyframe has both a picture and a caption")
    worst, time = min(there)
    average = scores.cosine(scores.mean(value for value, _ in there))
    return Grounding(clip=sights.clip, keyframes=values, mean=average, worst=worst, worst_time=time)


def coverage(
    frames: FrameSet,
    keyframes: Sequence[Keyframe],
    captions: Sequence[str],
    sentences: Sequence[str],
    meant: Mapping[str, Vectors],
) -> Coverage:
    """What the keyframes stand for: of the captions (one a captioned frame), of the shots; and the sentences of them.

    `meant` gives the vector of every caption and sentence.
    """
    everything = sorted(Counter(captions).items())
    kept = sorted(Counter(k.caption for k in keyframes if k.caption is not None).items())
    kept_vectors = _stack(meant, (text for text, _ in kept))
    return Coverage(
        captions=scores.represented(
            _stack(meant, (text for text, _ in everything)), kept_vectors, [count for _, count in everything]
        ),
        text=scores.represented(kept_vectors, _stack(meant, sorted(set(sentences))), [count for _, count in kept]),
        shots=scores.shots_shown(frames.shots, (k.frame.index for k in keyframes if k.frame is not None)),
    )


def redundancy(keyframes: Sequence[Keyframe], sentences: Sequence[str], meant: Mapping[str, Vectors]) -> Redundancy:
    """How far sentences repeat each other by their vectors, and keyframes by their pictures' perceptual hashes."""
    return Redundancy(
        sentences=scores.repeated(_stack(meant, sorted(sentences))),
        pictures=scores.repeated_pictures([k.frame.phash for k in keyframes if k.frame is not None]),
    )


def support(
    keyframes: Sequence[Keyframe],
    sentences: Sequence[Sentence],
    meant: Mapping[str, Vectors],
    sights: ClipVectors | None,
    threshold: float,
) -> Support:
    """Each sentence against the captions and pictures that it cites; supported from a score of `threshold` on."""
    found = tuple(_sentence(keyframes, sentence, meant, sights, threshold) for sentence in sentences)
    seen = [one.picture for one in found if one.picture is not None]
    return Support(
        sentences=found,
        unsupported=scores.share(scores.mean(not one.supported for one in found)),
        mean=scores.share(scores.mean(one.score for one in found)),
        pictures=scores.share(scores.mean(seen)) if seen else None,
    )


def _sentence(
    keyframes: Sequence[Keyframe],
    sentence: Sentence,
    meant: Mapping[str, Vectors],
    sights: ClipVectors | None,
    threshold: float,
) -> SentenceSupport:
    """The score is the mean of the words that the captions hold and the likeness to the most similar of them.

    Words tell an object that is not there, likeness tells a paraphrase (with an embedder that knows meanings). Pictures
    stay beside the score: how far they tell sentences apart depends on how unlike the video's scenes are.
    """
    cited = frozenset(sentence.times)
    captions = sorted({k.caption for k in keyframes if k.time in cited and k.caption is not None})
    likeness = scores.share(max((float(meant[sentence.text] @ meant[c]) for c in captions), default=0.0))
    words = scores.words_held(sentence.text, captions)
    score = scores.share(likeness if words is None else (words + likeness) / 2)
    return SentenceSupport(
        score=score,
        words=words,
        similarity=likeness,
        picture=_nearer(keyframes, cited, sights, sentence.text) if sights is not None else None,
        supported=score >= threshold,
    )


def _nearer(keyframes: Sequence[Keyframe], cited: frozenset[float], sights: ClipVectors, text: str) -> float | None:
    near: dict[bool, list[float]] = {True: [], False: []}
    for keyframe, picture in zip(keyframes, sights.pictures, strict=True):
        if picture is not None:
            near[keyframe.time in cited].append(scores.cosine(float(picture @ sights.texts[text])))
    return scores.wins(near[True], near[False])


def _stack(vectors: Mapping[str, Vectors], texts: Iterable[str]) -> Vectors:
    rows = [vectors[text] for text in texts]
    return np.stack(rows) if rows else np.zeros((0, 0), np.float32)
