"""Summaries and choices of keyframes that repeat over unlike videos: what is compared, and its two alarms. Pure.

A model that repeats its prompt's example, or one answer, gives well-formed replies. Only the other videos of the run
show the fault. The latest 64 videos are compared. docs/results/audit.md has the rates of
false alarms.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from curation.binding.parts import CaptionsPart, FramesPart
from curation.binding.window import Alarm
from curation.frames.similarity import UNLIKE_BITS, distance
from schemas.configuration.config import BindingConfig
from schemas.kit.content_words import content_words
from schemas.records import CaptionSet, Extract, FrameSet, Summary
from schemas.safe_text import clean_text
from schemas.time import FrameIndex

LATEST = 64
LEAST_VIDEOS = 3
SAME_TEXT = 0.8  # share of common word triples from which two summaries count as the same
ALIKE_CAPTIONS = 0.8  # share of common words from which the captions of two videos count as the same
HELD = 0.8  # share of a summary's words that the captions of both videos hold: then both may have that summary
ALIKE_PICTURES = 0.5  # share of a video's keyframes that the other video shows too
HABIT = 0.05  # the least chance that two honest choices coincide: trained models prefer some places
TEMPER = 0.5  # honest choices are far from uniform: the chance is the number of possible choices to the power -0.5
_WORD = re.compile(r"\w+")


class Observation(NamedTuple):
    """What is compared of a finished video.

    `choice` are the frame indices of the keyframes, of `frames` sampled frames; `hashes` are the keyframes' perceptual
    hashes; `captioned` the content words of their captions; `words` those of the summary; `triples` hashes of its
    word triples.
    """

    video_id: str
    summary: str
    choice: tuple[FrameIndex, ...]
    frames: int
    fps: float
    hashes: tuple[str, ...]
    captioned: frozenset[str]
    words: frozenset[str]
    triples: frozenset[int]


class RepeatFigures(NamedTuple):
    """Videos in the window, and the sizes of the largest groups of unlike videos with one summary and one choice.

    `choice_chance`: the least `coincidence` of such a group of at least 3 videos; 1 when there is none.
    """

    videos: int
    same_summary: int
    same_choice: int
    choice_chance: float = 1.0


def observe(
    video_id: str,
    frames: FrameSet | FramesPart,
    captions: CaptionSet | CaptionsPart,
    extract: Extract,
    summary: Summary,
) -> Observation:
    """What is compared of a video."""
    texts = {caption.index: caption.text for caption in captions.captions}
    shown = {frame.index: frame.phash for frame in frames.frames}
    said = " ".join(texts.get(index, "") for index in extract.keyframes)
    return Observation(
        video_id,
        summary.v2t,
        extract.keyframes,
        len(frames.frames),
        frames.fps,
        tuple(shown[index] for index in extract.keyframes if index in shown),
        content_words(said),
        content_words(summary.v2t),
        word_triples(summary.v2t),
    )


class Repeats:
    """A rolling window over the latest videos of a ledger. Only one thread at a time may use it."""

    def __init__(self, config: BindingConfig) -> None:
        """Keep the limits of a configuration."""
        self._config = config
        self.seen: deque[Observation] = deque(maxlen=LATEST)

    def add(self, observed: Observation) -> Alarm | None:
        """Add a video; returns the alarm that it raises, if any. A video that is added again replaces itself."""
        earlier = [other for other in self.seen if other.video_id != observed.video_id]
        self.seen = deque([*earlier, observed], maxlen=LATEST)
        earlier = list(self.seen)[:-1]
        group = _group(observed, earlier, same_summary, _alike_for_the_summary)
        share, limit = len(group) / len(self.seen), self._config.max_same_summaries
        if len(group) >= LEAST_VIDEOS and share > limit:
            return Alarm("summaries", share, limit, len(self.seen), videos=_ids(group))
        group = _group(observed, earlier, same_choice, alike)
        chance, limit = coincidence(group, len(self.seen)), self._config.min_choice_chance
        if len(group) >= LEAST_VIDEOS and chance < limit:
            return Alarm("choices", len(group) / len(self.seen), limit, len(self.seen), videos=_ids(group))
        return None

    def group(self, videos: Sequence[str]) -> list[Observation]:
        """The observations of these videos, in the order of the window."""
        wanted = set(videos)
        return [observed for observed in self.seen if observed.video_id in wanted]

    def figures(self) -> RepeatFigures:
        """The sizes of the largest groups; some milliseconds."""
        seen = list(self.seen)
        tests: tuple[tuple[_Test, _Test], ...] = ((same_summary, _alike_for_the_summary), (same_choice, alike))
        summaries, choices = (
            [_group(one, seen[:place], same, near) for place, one in enumerate(seen)] for same, near in tests
        )
        chances = [coincidence(group, len(seen)) for group in choices if len(group) >= LEAST_VIDEOS]
        said, chosen = (max(map(len, groups), default=0) for groups in (summaries, choices))
        return RepeatFigures(len(seen), said, chosen, min(chances, default=1.0))


_Test = Callable[[Observation, Observation], bool]


def alike(one: Observation, other: Observation) -> bool:
    """Whether two videos may have the same summary and choice: nearly the same captions, or pictures in common."""
    union = one.captioned | other.captioned
    if union and len(one.captioned & other.captioned) >= ALIKE_CAPTIONS * len(union):
        return True
    few, many = sorted((one.hashes, other.hashes), key=len)
    found = sum(any(distance(mine, theirs) <= UNLIKE_BITS for theirs in many) for mine in few)
    return bool(few) and found >= ALIKE_PICTURES * len(few)


def same_summary(one: Observation, other: Observation) -> bool:
    """Whether two summaries are the same up to a few words, letter case and punctuation."""
    common = len(one.triples & other.triples)
    return common >= SAME_TEXT * (len(one.triples) + len(other.triples) - common)


def same_choice(one: Observation, other: Observation) -> bool:
    """Whether two choices are the same seconds, or the same places relative to the length, up to half a frame.

    First and last frames are free: a choice of these alone is the same as no other.
    """
    if len(one.choice) != len(other.choice) or not _has_inner(one) or not _has_inner(other):
        return False
    if one.fps == other.fps and one.choice == other.choice:
        return True
    tolerance = 0.5 / (min(one.frames, other.frames) - 1) + 1e-9
    pairs = zip(one.choice, other.choice, strict=True)
    return all(abs(a / (one.frames - 1) - b / (other.frames - 1)) <= tolerance for a, b in pairs)


def coincidence(group: Sequence[Observation], window: int) -> float:
    """The chance that honest choices of `window` videos coincide so often: a binomial tail.

    `group` has one choice, the newest first. The chance of one coincidence is that of the shorter video: few places
    are possible in a short video.
    """
    first, others = group[0], group[1:]
    if not others:
        return 1.0
    chance = sum(max(HABIT, _possible(min(first, other, key=lambda o: o.frames)) ** -TEMPER) for other in others)
    each, trials = chance / len(others), max(window - 1, len(others))
    if each >= 1:
        return 1.0
    terms = (math.comb(trials, n) * each**n * (1 - each) ** (trials - n) for n in range(len(others), trials + 1))
    return min(1.0, math.fsum(terms))


def _group(observed: Observation, earlier: Sequence[Observation], same: _Test, near: _Test) -> list[Observation]:
    """The video and earlier ones, the latest first, that repeat it; no two of them are alike."""
    group = [observed]
    for other in reversed(earlier):
        if same(observed, other) and not any(near(other, member) for member in group):
            group.append(other)
    return group


def _alike_for_the_summary(one: Observation, other: Observation) -> bool:
    """Whether two videos may have this summary: they are alike, or the captions of both say what it says."""
    held = one.words & one.captioned & other.captioned
    return alike(one, other) or (bool(one.words) and len(held) >= HELD * len(one.words))


def _has_inner(observed: Observation) -> bool:
    return any(0 < index < observed.frames - 1 for index in observed.choice)


def _inner(observed: Observation) -> int:
    """The number of keyframes that are neither the first nor the last frame."""
    return sum(0 < index < observed.frames - 1 for index in observed.choice)


def _possible(observed: Observation) -> int:
    """The number of choices of as many inner frames."""
    inner = _inner(observed)
    return math.comb(max(observed.frames - 2, inner), inner)


def word_triples(text: str) -> frozenset[int]:
    """The triples of words that follow each other, as hashes of this process; a shorter text is one triple."""
    words = _WORD.findall(text.casefold()) or [clean_text(text)]
    if len(words) < 3:
        return frozenset([hash(tuple(words))])
    return frozenset(hash(words_) for words_ in zip(words, words[1:], words[2:], strict=False))


def _ids(group: Sequence[Observation]) -> tuple[str, ...]:
    return tuple(sorted(observed.video_id for observed in group))
