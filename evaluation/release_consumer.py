"""How an evaluation reads the configuration `full` of a release, for the check of its consumers.

It is the project's own reader of references: training will read the same rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.release.consumers.answers import Answer
from curation.release.consumers.plan import Part, ReadingPlan
from evaluation.cases import Reference
from evaluation.readers.release import read_release
from schemas.errors import ConfigError


def read(plan: ReadingPlan, part: Part) -> Answer:
    """Read the references of a split. Raises ConfigError for a row that an evaluation leaves out."""
    found = read_release(Path(plan.release), [part.split])
    if found.problems:
        first = found.problems[0]
        raise ConfigError(f"{len(found.problems)} rows are left out, first {first.id}: {first.reason}: {first.detail}")
    rows = [(place, _row(found.items[place])) for _, _, place in part.sampled() if place < len(found.items)]
    return Answer({}, (item.id for item in found.items), rows, partial=True)


def _row(item: Reference) -> dict[str, Any]:
    """What a reference holds of a row."""
    return {
        "id": item.id,
        "split": item.split,
        "sampling_fps": item.fps,
        "meta": {"sampled_frames": item.frames},
        **({} if item.selections is None else {"vsum_onehot": item.selections[0].astype(int)}),
        **({"summary": {"v2t": item.texts[0]}} if item.texts else {}),
        **({"title": item.title} if item.title else {}),
    }
