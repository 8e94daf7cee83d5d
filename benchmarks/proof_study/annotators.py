"""Simulated people who judge samples of the demo's films on the review's screen, with a stated rate of errors.

What they leave is an annotation as Label Studio stores it, and it becomes a verdict by the function of a pull.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from annotation.label_studio.interface import NAMES
from annotation.pull.read_annotation import read_annotation
from annotation.push.keyframes import text_part
from annotation.push.media import Shown
from annotation.push.task import build_task, summary_text
from benchmarks.proof_study.faults import points_of, with_points
from curation.review.content_hash import content_sha256
from demo.gold.answers import Point
from demo.truth import Known
from schemas.records import Sample
from schemas.review import Verdict
from schemas.time import FrameIndex


def judged(sample: Sample, known: Known, errors: float, rng: random.Random, at: str) -> Verdict:
    """The verdict of a simulated person, given at `at` (ISO 8601).

    The person decides of every shown keyframe whether it stays, of every keyframe that is missing whether to add it,
    and of every event whether to write its sentence or to leave the one that stands there. Each decision is wrong with
    the chance `errors`. Where no keyframe stays, the sample is rejected.
    """
    true, shown = set(known.keyframes), {int(index) for index in sample.extract.keyframes}
    kept = {index for index in sorted(shown) if (index in true) == (rng.random() >= errors)}
    added = {index for index in sorted(true - shown) if rng.random() >= errors}
    points = _written(points_of(sample), known, kept | added, lambda: rng.random() < errors)
    files = Shown("", dict.fromkeys(sample.extract.keyframes, ""))  # nobody loads them
    task = {"id": 1, **build_task(sample, content_sha256(sample), "random", files, None)}
    return read_annotation(task, _annotation(task, sample, points, kept, added, at), "proof", "annotator-1")


def _written(shown: Sequence[Point], known: Known, stay: set[int], errs: Callable[[], bool]) -> list[Point]:
    """A sentence for every event of which a keyframe stays; other keyframes keep the sentence that cites them."""
    points = []
    for event in known.script.events:
        if frames := tuple(FrameIndex(second) for second in event.seconds if second in stay):
            there = [point.text for point in shown if set(point.frames) & set(frames)]
            points.append(Point(frames, there[0] if there and errs() else event.sentence))
    left = stay - {index for point in points for index in point.frames}
    for point in shown:
        if frames := tuple(index for index in point.frames if index in left):
            points.append(point._replace(frames=frames))
            left -= set(frames)
    return sorted(points)


def _annotation(
    task: Mapping[str, Any], sample: Sample, points: Sequence[Point], kept: set[int], added: set[int], at: str
) -> dict[str, Any]:
    """What the server stores when the person submits: the prediction, with what the person changed in it."""
    dropped = {f"{NAMES.region}{place}" for place, index in enumerate(sample.extract.keyframes) if index not in kept}
    summary = summary_text(with_points(sample, points)) if points else ""
    texts = {NAMES.summary: summary, NAMES.missed: "\n".join(f"[{float(index)}]" for index in sorted(added))}
    result = []
    for part in task["predictions"][0]["result"]:
        if part["from_name"] == NAMES.marks:
            mark = "drop" if part["id"] in dropped else "ok"
            part = {**part, "value": {**part["value"], "paragraphlabels": [mark]}}
        elif part["from_name"] in texts:
            part = text_part(part["from_name"], texts[part["from_name"]])
        result.append(part)
    changed = dropped or added or summary != task["data"]["summary"]
    decision = "reject" if not points else "fix" if changed else "accept"
    result.append(
        {"from_name": NAMES.decision, "to_name": NAMES.video, "type": "choices", "value": {"choices": [decision]}}
    )
    return {"id": 1, "result": result, "updated_at": at, "unique_id": f"{sample.video.id} {at}"}
