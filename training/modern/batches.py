"""Batches and the loop of the modern road, over TRL's collators and trainers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.release import Task
from training.collate import Batch, Collator
from training.examples import Example
from training.loop import Loop


class ModernCollator(Collator):
    """Batches by a collator of TRL; nothing is drawn."""

    def __init__(self, made_by: Callable[[list[dict[str, Any]]], Batch]) -> None:
        """Keep TRL's collator."""
        super().__init__()
        self._made_by = made_by

    def __call__(self, items: Sequence[Mapping[str, Any]]) -> Batch:
        """What TRL's trainer reads."""
        return self._made_by([dict(item) for item in items])  # TRL changes the rows that it is given

    def questions(self, items: Sequence[Asked]) -> Batch:
        """What `ModernRecipe.predict` reads."""
        return {"asked": items}


class Asked(NamedTuple):
    """What is asked about a video: the place of each task's row."""

    example: Example
    rows: Mapping[Task, int]


class TrlLoop(Loop):
    """A loop over a trainer of TRL. Nothing is sent to anybody, and there is no card but ours."""

    def _send_telemetry(self) -> None:
        """Send nothing."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing."""
