"""Writes small datasets and predictions as files, in the forms that `v2xum evaluate` reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demo.truth import Known, write_truth
from demo.world import Script, make_script


def scripts(videos: int) -> dict[str, Script]:
    return {f"v{number:02d}": make_script(90_000_000 + number, 40 + number) for number in range(videos)}


def write_references(path: Path, videos: int) -> Path:
    """Write Instruct-V2Xum records of scripted videos."""
    write_truth(path, [Known(name, script, script.duration) for name, script in scripts(videos).items()])
    return path


def right(name: str, script: Script) -> dict[str, Any]:
    """A prediction with exactly the script's keyframes and sentences."""
    text = " ".join(event.sentence for event in script.events)
    return {"id": name, "selected": list(script.keyframes), "text": text}


def write_predictions(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path
