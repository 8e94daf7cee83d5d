"""Joins the records of one video that are about different tasks: V2V, V2T and V2VT, as Instruct-V2Xum has them.

A system that answers each task on its own has three records of a video, each with its `task`. They are one prediction:
frames from `v2v`, words from `v2t`; what is not there comes from `v2vt`, and a part of `v2vt` that is not needed is
left out and reported. Two records of one task, or one without `task`, are no such parts: `matching` counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from evaluation.cases import Prediction
from schemas.documents.evaluation import Problem


class Part(NamedTuple):
    """A prediction, and the task that its record names."""

    prediction: Prediction
    task: str | None


def join_tasks(parts: Sequence[Part]) -> tuple[list[Prediction], list[Problem]]:
    """One prediction for each video with records of different tasks, in the order of first records, and the problems.

    A part that is a failure has nothing to give: it counts as missing, and evaluation/units.py says as what.
    """
    by_id: dict[str, list[Part]] = {}
    for part in parts:
        by_id.setdefault(part.prediction.id, []).append(part)
    items: list[Prediction] = []
    problems: list[Problem] = []
    for id_, own in by_id.items():
        tasks = [one.task for one in own]
        if len(own) == 1 or None in tasks or len(set(tasks)) < len(tasks):
            items += [one.prediction for one in own]
            continue
        by_task = {one.task: one.prediction for one in own}
        both = by_task.get("v2vt", Prediction(id_, failure="missing_task: no record of v2vt"))
        frames, words = by_task.get("v2v", both), by_task.get("v2t", both)
        if frames.failure is not None and words.failure is not None:
            items.append(frames)
            continue
        items.append(Prediction(id_, frames.scores, frames.score_source, frames.selected, words.text))
        for name, said in (("frames", frames), ("words", words)):
            if said.failure is not None:
                problems.append(
                    Problem(id=id_, reason="failed_task", detail=f"{name}: {said.failure}", counted="as_read")
                )
        if "v2vt" in by_task:
            sources = (("frames", "v2v"), ("words", "v2t"))
            taken = [f"{name} from {task}" for name, task in sources if task in by_task]
            detail = f"v2vt is used in part: {' and '.join(taken)}"
            problems.append(Problem(id=id_, reason="other_task", detail=detail, counted="left_out"))
    return items, problems
