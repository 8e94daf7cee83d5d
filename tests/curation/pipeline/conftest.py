"""The stages as they were when the workspace in `data/` was made: their results are current under them only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from curation.ledger.stages import STAGES


@pytest.fixture
def stages_of_0_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what has raised the version of a stage since."""
    changed = {
        "extract": {"version": 1, "needs": ("caption",)},
        "refine": {"version": 1, "keys": tuple(key for key in STAGES["refine"].keys if key != "refine.language")},
    }
    then = tuple(replace(stage, **changed.get(stage.name, {})) for stage in STAGES.every)
    monkeypatch.setattr(STAGES, "_stages", then)
