"""Drives one run and prints what it took: `python -m benchmarks.nodes.drive CONFIG WORKSPACE [register]`, on the head.

It does what `v2xum curate` does, without the Prefect around it: a driver that is killed often shall begin quickly.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from curation.dataset.export import begin, export_workspace
from curation.ledger.stages import STAGES
from curation.pipeline.nodes.driver import carry_on_nodes
from curation.pipeline.run import open_run
from curation.status.counts import summarize
from schemas.configuration.config import CurateConfig


def register(config: CurateConfig, root: Path) -> dict[str, Any]:
    """Make the workspace, with the videos registered and nothing done."""
    with open_run(root, config) as run:
        return {"videos": len(begin(run))}


def drive(config: CurateConfig, root: Path) -> dict[str, Any]:
    """Carry the configuration's videos; how long it took, what each node had of it, and a digest of the export.

    With `run.engine: threads` this machine carries them alone, one stage after the other.
    """
    points: list[tuple[float, int]] = []
    shares = {}
    with open_run(root, config) as run:
        ids = begin(run)
        began = time.monotonic()
        if config.run.engine == "ray":
            todo = run.due(ids)
            shares = carry_on_nodes(run, todo, lambda done, _all: points.append((time.monotonic() - began, done)))
        else:
            for stage in STAGES.names:
                run.carry(stage, ids)
        took = time.monotonic() - began
        export_workspace(run.workspace, run.services)
        counts = summarize(run.services.view)
        exported = hashlib.sha256()
        for path in sorted(run.workspace.export.rglob("*")):
            if path.is_file():
                exported.update(path.relative_to(run.workspace.export).as_posix().encode() + path.read_bytes())
    return {
        "videos": len(ids),
        "samples": counts.samples,
        "pending": counts.pending + counts.retryable,
        "seconds": round(took, 2),
        "points": points,
        "shares": {name: share._asdict() for name, share in shares.items()},
        "export": exported.hexdigest(),
    }


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    work = register if sys.argv[3:] == ["register"] else drive
    print(json.dumps(work(CurateConfig.model_validate_json(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))))
