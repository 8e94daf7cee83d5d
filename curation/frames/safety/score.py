"""Scores the sampled pictures of a video: faces in each, nudity in one of those that are nearly identical."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from curation.sources.filters import range_score
from models.safety import MOST_FACES, Face, FaceFinder, NudityScorer
from schemas.configuration.safety_config import SafetyConfig
from schemas.configuration.video_config import RangeFilter
from schemas.parts.safety import FaceBox, FrameSafety, Safety
from schemas.records import FilterScore, FrameSet
from schemas.time import FrameIndex

FACES, NUDITY = "faces", "nudity"  # the names of the filters' scores
_DIGITS = 4
_AT_ONCE = 64  # pictures that are in memory


class Models(NamedTuple):
    """What looks at pictures; None for what is not configured."""

    faces: FaceFinder | None
    nudity: NudityScorer | None


def safety_of(frames: FrameSet, picture: Callable[[FrameIndex], bytes | None], models: Models) -> Safety:
    """What the pictures of a video show. `picture` gives the JPEG bytes of a frame, None for one that is lost.

    Faces move, so they are looked for in every picture. A frame that is nearly identical to an earlier one
    (`frames.near_duplicates`) has its nudity score, unless that one is lost. Raises what `picture` and the models
    raise, and PermanentError `unreadable_picture`.
    """
    finder, scorer = models
    shown: list[FrameSafety] = []
    scores: dict[FrameIndex, float] = {}
    for pictures in _batches(frames, picture):
        if scorer is not None:
            unlike = [
                index for index in pictures if frames.frames[index].same_as not in scores.keys() | pictures.keys()
            ]
            found = scorer.score([pictures[index] for index in unlike])
            scores |= {index: _share(score) for index, score in zip(unlike, found, strict=True)}
        for index, data in pictures.items():
            frame = frames.frames[index]
            if scorer is not None and index not in scores and frame.same_as is not None:
                scores[index] = scores[frame.same_as]
            faces = [_box(face) for face in finder.find(data)] if finder is not None else []
            shown.append(
                FrameSafety(
                    index=index,
                    time=frame.time,
                    nudity=scores.get(index),
                    faces=tuple(faces[:MOST_FACES]),
                    more_faces=len(faces[MOST_FACES:]),
                )
            )
    with_faces = sum(bool(one.faces) for one in shown)
    return Safety(
        finder=finder.name if finder is not None else None,
        finder_revision=finder.revision if finder is not None else None,
        scorer=scorer.name if scorer is not None else None,
        scorer_revision=scorer.revision if scorer is not None else None,
        faces=round(with_faces / len(shown), _DIGITS) if shown and finder is not None else None,
        nudity=max(scores.values(), default=None),
        unknown=len(frames.frames) - len(shown),
        frames=tuple(shown),
    )


def judge_safety(found: Safety, config: SafetyConfig) -> tuple[FilterScore, ...]:
    """The filter scores of faces and nudity; none of a filter that is off, or of what no model looked for."""
    scores: list[FilterScore] = []
    if found.finder is not None:
        scores += range_score(FACES, found.faces, config.faces, "too_few_faces", "too_many_faces", "")
    if found.scorer is not None:
        limits = RangeFilter(mode=config.nudity.mode, max=config.nudity.max)
        scores += range_score(NUDITY, found.nudity, limits, "", "too_much_nudity", "")
    return tuple(scores)


def _batches(frames: FrameSet, picture: Callable[[FrameIndex], bytes | None]) -> Iterator[dict[FrameIndex, bytes]]:
    """The pictures by index, some at a time, in order; without lost ones."""
    found: dict[FrameIndex, bytes] = {}
    for frame in frames.frames:
        data = picture(frame.index)
        if data is not None:
            found[frame.index] = data
        if len(found) == _AT_ONCE:
            yield found
            found = {}
    if found:
        yield found


def _box(face: Face) -> FaceBox:
    return FaceBox(**{name: _share(value) for name, value in face._asdict().items()})


def _share(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), _DIGITS)
