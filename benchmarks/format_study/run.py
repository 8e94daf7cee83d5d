"""Loads the formats of a release by the real TRL, LLaMA-Factory and ms-swift, and renders every record.

    python -m benchmarks formats --folder FOLDER --long 60 --trl DIR --llamafactory DIR --ms-swift DIR

DIR are folders that `pip install --no-deps --target DIR ...` filled (docs/results/formats.md has the versions); what a
folder lacks comes from this environment. Films whose every picture shows its time are rendered, sampled and released
with hostile summaries. Then each trainer loads its records with the training configurations of the release, and the
times in the tokens are compared with the times that the pictures show. A trainer without a folder is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from schemas.repository import ROOT

TRAINERS = {"trl": "with_trl", "llamafactory": "with_llamafactory", "ms-swift": "with_ms_swift"}
_SECONDS = 3000


def loaded(trainer: str, target: Path, folder: Path, checkpoints: Path, media: Path) -> dict[str, Any]:
    """What a trainer made of a format's folder, in a process of its own with the packages of `target` first."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(target), str(ROOT)]),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(checkpoints / "hub"),
        "MODELSCOPE_CACHE": str(checkpoints / "modelscope"),
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
    }
    module = f"benchmarks.format_study.{TRAINERS[trainer]}"
    done = subprocess.run(
        [sys.executable, "-m", module, str(folder), str(checkpoints), str(media)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
        return {"failed": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else str(done.returncode)}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def summary(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records of a film and a model together: how many, their pictures with times, and the largest distances."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in records:
        groups.setdefault((each["model"], each["id"]), []).append(each)
    return [
        {
            "model": model,
            "film": film,
            "records": len(those),
            **{key: those[0].get(key) for key in ("blocks", "timed", "tokens")},
            **{
                key: max((each[key] for each in those if each.get(key) is not None), default=None)
                for key in ("error", "implied")
            },
        }
        for (model, film), those in groups.items()
    ]


def main() -> None:
    """Run the study and print JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks formats", description=main.__doc__)
    parser.add_argument(
        "--folder", type=Path, required=True, help="a new folder; what an earlier run made there is used again"
    )
    parser.add_argument("--long", type=float, default=940.0, help="seconds of the longest film")
    for name in TRAINERS:
        parser.add_argument(f"--{name}", type=Path, help="the folder with its packages")
    arguments = parser.parse_args()
    root: Path = arguments.folder.resolve()
    releases = root / "w" / "releases"
    if not (releases / "0.2.0").is_dir():
        from benchmarks.format_study.release import make

        root.mkdir(parents=True, exist_ok=True)
        make(root, arguments.long)
    checkpoints = root / "checkpoints"
    for name in TRAINERS:
        target = getattr(arguments, name.replace("-", "_"))
        if target is None:
            continue
        for version in ("0.1.0", "0.2.0"):
            folder = releases / version / "formats" / name
            if folder.is_dir():
                found = loaded(name, target.resolve(), folder, checkpoints / name, root / "w" / "media")
                shown = {**found, "records": summary(found.get("records", []))}
                print(json.dumps({"trainer": name, "inputs": {"0.1.0": "videos"}.get(version, "frames"), **shown}))


if __name__ == "__main__":
    main()
