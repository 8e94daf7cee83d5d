"""Begins the work of a run while its Prefect server is still starting."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import takewhile

from curation.ledger.stages import STAGES
from curation.pipeline.run import Run
from schemas.errors import Interrupted

EARLY = tuple(stage.name for stage in takewhile(lambda stage: stage.asks is None, STAGES))
"""The stages before the first that asks a chat model."""


def head_start(run: Run, ids: Sequence[str], enough: threading.Event) -> None:
    """Carry videos through the stages of EARLY, a shard at a time, until `enough` is set; videos in work are finished.

    Results are rows of the ledger, as always: the task runs that come later find them and go on from there. What stops
    the run is kept as `run.early_error`, so that the flow ends with it and records it. Raises Interrupted.
    """
    if enough.is_set() or run.services.config.run.engine == "ray":  # the nodes begin, not this machine
        return
    size = run.services.config.run.shard_size
    try:
        todo = run.due(ids)
        run.open_models(todo)  # as the flow does: a model that cannot be built costs no video anything
        for start in range(0, len(todo), size):
            for stage in EARLY:
                if enough.is_set():
                    return
                run.carry(stage, todo[start : start + size], enough)
    except Interrupted:
        if run.services.stop.is_set() or not enough.is_set():
            raise
    except Exception as error:  # noqa: BLE001 - the flow raises it
        run.early_error = error
