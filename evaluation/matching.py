"""Pairs each reference with its prediction. Every reference gets one pair, and every problem is reported.

    unknown_video     no reference has this id                    left out
    not_chosen        a reference that no chosen fold tests       left out
    duplicate_id      the same prediction again                   the copy is left out
    duplicate_id      two different predictions for one video     worst: no choice between them would be fair
    missing_video     a reference without a prediction            worst
    wrong_length      scores or selection of another length       worst
    not_finite        a score is NaN or infinite                  worst
    empty_text        a text without a word                       worst in the text metrics
    any other         the prediction's own `failure`              worst

"Worst" is a `Prediction` with `failure` set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from evaluation.cases import Prediction, Reference
from evaluation.readers.known_videos import NOT_CHOSEN, UNKNOWN
from evaluation.readers.records import left_out, printable
from schemas.documents.evaluation import Problem
from schemas.errors import ConfigError


class Matched(NamedTuple):
    """One pair for each reference, in the order of the references, and all problems."""

    pairs: tuple[tuple[Reference, Prediction], ...]
    problems: tuple[Problem, ...]


def match(references: Sequence[Reference], predictions: Iterable[Prediction]) -> Matched:
    """Pair every reference with the prediction of the same id.

    Raises ConfigError for no references, and for two references with the same id.
    """
    if not references:
        raise ConfigError("there are no references")
    known = {reference.id: reference for reference in references}
    if len(known) != len(references):
        seen: set[str] = set()
        twice = next(r.id for r in references if r.id in seen or seen.add(r.id))  # type: ignore[func-returns-value]
        raise ConfigError(f"two references have the id {printable(twice)}")
    problems: list[Problem] = []
    by_id: dict[str, Prediction] = {}
    for prediction in predictions:
        id_ = prediction.id
        if id_ not in known:
            other = (prediction.failure or "").startswith(NOT_CHOSEN)
            slug, _, detail = (prediction.failure if other and prediction.failure else UNKNOWN).partition(": ")
            problems.append(left_out(printable(id_), slug, detail))
        elif id_ not in by_id:
            by_id[id_] = prediction
        elif same(by_id[id_], prediction):
            problems.append(left_out(id_, "duplicate_id", "the same prediction again"))
        else:
            by_id[id_] = Prediction(id_, failure="duplicate_id: different predictions for one video")
    pairs = []
    for reference in references:
        checked = _checked(by_id.get(reference.id), reference)
        pairs.append((reference, checked))
        if checked.failure is not None:
            slug, _, detail = checked.failure.partition(": ")
            problems.append(Problem(id=reference.id, reason=slug, detail=detail or slug, counted="worst"))
        elif checked.text is not None and (why := wordless(checked)) is not None:
            detail = f"{why}: worst in the text metrics"
            problems.append(Problem(id=reference.id, reason="empty_text", detail=detail, counted="worst"))
    return Matched(tuple(pairs), tuple(problems))


def wordless(prediction: Prediction) -> str | None:
    """What a prediction lacks that has no text, or a text without a word; None where it has words."""
    if prediction.text is None:
        return "no text"
    return None if any(c.isalnum() for c in prediction.text) else "a text without a word"


def same(left: Prediction, right: Prediction) -> bool:
    """Whether two predictions say the same about the same video."""

    def equal(a: np.ndarray | None, b: np.ndarray | None) -> bool:
        return (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b))

    return (
        (left.id, left.text, left.score_source, left.failure)
        == (right.id, right.text, right.score_source, right.failure)
        and equal(left.scores, right.scores)
        and equal(left.selected, right.selected)
    )


def _checked(prediction: Prediction | None, reference: Reference) -> Prediction:
    """The prediction itself, or a failed one where it is missing or does not fit its reference."""
    if prediction is None:
        return Prediction(reference.id, failure="missing_video: no prediction for this video")
    if prediction.failure is not None:
        return prediction
    for name, values in (("scores", prediction.scores), ("selected", prediction.selected)):
        if values is not None and values.shape != (reference.frames,):
            shape = " x ".join(map(str, values.shape))
            failure = f"wrong_length: {name} of {shape} for {reference.frames} frames"
            return Prediction(reference.id, failure=failure)
    if prediction.scores is not None and not np.isfinite(prediction.scores).all():
        bad = int((~np.isfinite(prediction.scores)).sum())
        return Prediction(reference.id, failure=f"not_finite: {bad} of {reference.frames} scores")
    if prediction.scores is None and prediction.selected is None and prediction.text is None:
        return Prediction(reference.id, failure="empty: neither scores nor a selection nor a text")
    return prediction
