"""Drives one run on nodes and prints what it took: `python -m benchmarks.nodes.drive CONFIG WORKSPACE`, on the head."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from curation.dataset.export import begin, export_workspace
from curation.pipeline.nodes.driver import carry_on_nodes
from curation.pipeline.run import open_run
from curation.status.counts import summarize
from schemas.configuration.config import CurateConfig


def drive(config: CurateConfig, root: Path) -> dict[str, Any]:
    """Carry the configuration's videos; how long it took, what each node had of it, and a digest of the export."""
    points: list[tuple[float, int]] = []
    with open_run(root, config) as run:
        ids = begin(run)
        began = time.monotonic()
        shares = carry_on_nodes(run, ids, lambda done, _all: points.append((time.monotonic() - began, done)))
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
        "pending": counts.pending,
        "seconds": round(took, 2),
        "points": points,
        "shares": {name: share._asdict() for name, share in shares.items()},
        "export": exported.hexdigest(),
    }


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    print(json.dumps(drive(CurateConfig.model_validate_json(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))))
