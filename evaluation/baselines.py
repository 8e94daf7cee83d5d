"""The rows beside the systems of a table: random scores, people against each other, and an oracle.

Every baseline is measured under the same protocol and by the same code as a system.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.cases import Floats, Reference
from evaluation.metrics.overlap import mean_defined
from evaluation.metrics.video import Annotations, Kind, Measured, Submissions, annotations_of, measure, submissions_of
from evaluation.protocols import Protocol
from schemas.documents.evaluation import SystemKind, VideoValues


class Baseline(NamedTuple):
    """A row of a table. `videos`: one VideoValues for each reference, or none; `note` then says why.

    `draws`: by metric the values (V, D) of D random draws for each of V videos, NaN where a value is undefined; empty
    where a row has nothing random. The row's interval is made of them (uncertainty/draws.py).
    """

    name: str
    kind: SystemKind
    videos: tuple[VideoValues, ...]
    note: str
    draws: Mapping[str, Floats] = MappingProxyType({})


def random_floor(protocol: Protocol, references: Sequence[Reference], *, draws: int = 100, seed: int = 0) -> Baseline:
    """Random scores: uniform for every frame of the grid. A video's value is the mean of `draws` draws.

    Draws in which the value is undefined are left out of the mean. The draws of a video depend on `seed` and on its id,
    not on the other videos. Raises ValueError for fewer than one draw.
    """
    if draws < 1:
        raise ValueError("the random floor needs at least one draw")

    def values(reference: Reference) -> Measured:
        name = zlib.crc32(reference.id.encode("utf-8", "surrogatepass"))
        scores = np.random.default_rng([seed, name]).random((draws, reference.frames))
        return measure(protocol, submissions_of(protocol, reference, scores), annotations_of(protocol, reference))

    measured = [values(reference) for reference in references]
    return Baseline(
        "random",
        "random",
        tuple(_video(reference, found) for reference, found in zip(references, measured, strict=True)),
        f"uniform scores, mean of {draws} draws a video, interval of a system that draws once",
        {
            metric.name: np.stack([found.values[metric.name] for found in measured])
            for metric in protocol.metrics
            if measured
        },
    )


def leave_one_out(protocol: Protocol, references: Sequence[Reference]) -> Baseline:
    """Annotators against each other: each one is scored like a system against the others.

    It is called `human leave-one-out`, and `models leave-one-out` where all annotators are models.

    A video's value is the mean over the annotators for whom the value is defined. Where the protocol ranks summaries or
    compares selections, an annotator's own selection is the summary. A video with fewer than two annotators has no
    values.
    """

    def values(reference: Reference) -> Measured:
        people = annotations_of(protocol, reference)
        each = Submissions(people.ranks, people.overlap)
        others = Annotations(_others(people.ranks), _others(people.overlap), people.no_ranks, people.no_overlap)
        return measure(protocol, each, others)

    kind: SystemKind = "models" if references and all(each.by_models for each in references) else "human"
    return _of_people(f"{kind} leave-one-out", kind, "each annotator against the others", protocol, references, values)


def oracle(protocol: Protocol, references: Sequence[Reference]) -> Baseline:
    """The mean of all annotators as scores: about the best result that one answer for all annotators can have.

    The oracle knows the annotators that it is compared with. A video with fewer than two annotators has no values.
    """

    def values(reference: Reference) -> Measured:
        people = annotations_of(protocol, reference)
        known = people.ranks if people.ranks is not None else people.overlap
        assert known is not None  # _of_people() calls this only for videos with two annotators or more
        on = "video" if protocol.rank_on == "video" or (people.ranks is None and protocol.whole_video) else "grid"
        mean = known.mean(axis=0, keepdims=True, dtype=np.float64)
        if mean.shape[1] < reference.frames and on == "grid":  # the protocol limits the number of frames
            mean = np.pad(mean, ((0, 0), (0, reference.frames - mean.shape[1])))
        return measure(protocol, submissions_of(protocol, reference, mean, on=on), people)

    return _of_people("oracle", "oracle", "the mean of all annotators as scores", protocol, references, values)


def all_baselines(
    protocol: Protocol, references: Sequence[Reference], *, draws: int = 100, seed: int = 0
) -> tuple[Baseline, ...]:
    """The three baselines, in the order in which tables show them."""
    floor = random_floor(protocol, references, draws=draws, seed=seed)
    return floor, leave_one_out(protocol, references), oracle(protocol, references)


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
    people = annotations_of(protocol, reference)
    return max(0 if part is None else len(part) for part in (people.ranks, people.overlap))


def _others(annotations: NDArray[Kind] | None) -> NDArray[Kind] | None:
    """(A, frames) -> (A, A - 1, frames): for each annotator, all other annotators."""
    if annotations is None:
        return None
    count = len(annotations)
    if count < 2:
        return None
    return np.asarray(annotations[np.array([[j for j in range(count) if j != i] for i in range(count)])])


def _video(reference: Reference, measured: Measured) -> VideoValues:
    means = {name: float(mean_defined(column)) for name, column in measured.values.items()}
    reasons = {
        name: next((row[name] for row in measured.undefined if name in row), "there is nothing to compare")
        for name, value in means.items()
        if np.isnan(value)
    }
    values = {name: None if np.isnan(value) else value for name, value in means.items()}
    return VideoValues(id=reference.id, values=values, undefined=reasons)
