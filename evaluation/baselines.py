"""What every table needs beside its systems: the random floor, people against each other, and an oracle.

Each is measured under the same protocol and by the same code as a system.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.cases import Reference
from evaluation.metrics.overlap import mean_defined
from evaluation.metrics.video import Annotations, Kind, Measured, Submitted, annotated, measure, submit
from evaluation.protocols import Protocol
from schemas.evaluation import SystemKind, VideoValues


class Baseline(NamedTuple):
    """A row of a table: one VideoValues a reference, or none at all and `note` says why."""

    name: str
    kind: SystemKind
    videos: tuple[VideoValues, ...]
    note: str


def random_floor(protocol: Protocol, references: Sequence[Reference], *, draws: int = 100, seed: int = 0) -> Baseline:
    """Scores drawn uniformly for every frame of the grid; a video's value is the mean over draws that have one.

    A video's draws depend on `seed` and its id alone, not on the others. Raises ValueError for no draws.
    """
    if draws < 1:
        raise ValueError("the random floor needs a draw")

    def values(reference: Reference) -> Measured:
        name = zlib.crc32(reference.id.encode("utf-8", "surrogatepass"))
        scores = np.random.default_rng([seed, name]).random((draws, reference.frames))
        return measure(protocol, submit(protocol, reference, scores), annotated(protocol, reference))

    return Baseline("random", "random", _videos(references, values), f"uniform scores, mean of {draws} draws a video")


def human_leave_one_out(protocol: Protocol, references: Sequence[Reference]) -> Baseline:
    """Each annotator as if a system, against the others; a video's value is the mean over annotators that have one.

    Where the protocol ranks summaries or compares selections, an annotator's own selection is the summary. Needs two
    annotators; other videos have no values.
    """

    def values(reference: Reference) -> Measured:
        given = annotated(protocol, reference)
        sent = Submitted(given.ranks, given.overlap)
        others = Annotations(_others(given.ranks), _others(given.overlap), given.no_ranks, given.no_overlap)
        return measure(protocol, sent, others)

    return _of_people("human leave-one-out", "human", "each annotator against the others", protocol, references, values)


def oracle(protocol: Protocol, references: Sequence[Reference]) -> Baseline:
    """The mean of all annotators as scores: about the best that one answer for all of them can be.

    It knows the annotators that it is compared with. Needs two annotators; other videos have no values.
    """

    def values(reference: Reference) -> Measured:
        given = annotated(protocol, reference)
        known = given.ranks if given.ranks is not None else given.overlap
        assert known is not None  # _annotators() has seen to it
        on = "video" if protocol.rank_on == "video" or (given.ranks is None and protocol.whole_video) else "grid"
        mean = known.mean(axis=0, keepdims=True, dtype=np.float64)
        if mean.shape[1] < reference.frames and on == "grid":  # the protocol's limit of frames
            mean = np.pad(mean, ((0, 0), (0, reference.frames - mean.shape[1])))
        return measure(protocol, submit(protocol, reference, mean, on=on), given)

    return _of_people("oracle", "oracle", "the mean of all annotators as scores", protocol, references, values)


def all_baselines(
    protocol: Protocol, references: Sequence[Reference], *, draws: int = 100, seed: int = 0
) -> tuple[Baseline, ...]:
    """The three, in the order in which tables show them."""
    floor = random_floor(protocol, references, draws=draws, seed=seed)
    return floor, human_leave_one_out(protocol, references), oracle(protocol, references)


def _of_people(
    name: str,
    kind: SystemKind,
    note: str,
    protocol: Protocol,
    references: Sequence[Reference],
    values: Callable[[Reference], Measured],
) -> Baseline:
    enough = {r.id for r in references if _annotators(protocol, r) >= 2}
    if not enough:
        return Baseline(name, kind, (), "not available: it needs two annotators a video, and no video has them")
    lacking: dict[str, float | None] = {metric.name: None for metric in protocol.metrics}
    reasons = {metric.name: "fewer than two annotators" for metric in protocol.metrics}
    videos = tuple(
        _video(r, values(r)) if r.id in enough else VideoValues(id=r.id, values=lacking, undefined=reasons)
        for r in references
    )
    return Baseline(name, kind, videos, note)


def _annotators(protocol: Protocol, reference: Reference) -> int:
    given = annotated(protocol, reference)
    return max(0 if part is None else len(part) for part in (given.ranks, given.overlap))


def _others(given: NDArray[Kind] | None) -> NDArray[Kind] | None:
    """(A, frames) -> (A, A - 1, frames): for each annotator, all others."""
    if given is None:
        return None
    count = len(given)
    if count < 2:
        return None
    return np.asarray(given[np.array([[j for j in range(count) if j != i] for i in range(count)])])


def _videos(references: Sequence[Reference], values: Callable[[Reference], Measured]) -> tuple[VideoValues, ...]:
    return tuple(_video(reference, values(reference)) for reference in references)


def _video(reference: Reference, found: Measured) -> VideoValues:
    means = {name: float(mean_defined(column)) for name, column in found.values.items()}
    reasons = {
        name: next((row[name] for row in found.undefined if name in row), "there is nothing to compare")
        for name, value in means.items()
        if np.isnan(value)
    }
    values = {name: None if np.isnan(value) else value for name, value in means.items()}
    return VideoValues(id=reference.id, values=values, undefined=reasons)
