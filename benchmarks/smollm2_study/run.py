"""Trains V2Xum over SmolLM2, and LLMVS on its hidden states, curates with it, and writes docs/results/smollm2.md.

    python -m benchmarks smollm2_page --demo data/runs/demo-train [--parts v2xum llmvs curation-v1 curation-v2]

`--demo` is the folder of a finished `make demo-train`, whose release, held-out scripts and results are used. Below it:

DEMO/v2xum_smollm2, llmvs_smollm2      what `v2xum train` leaves; a training that was stopped goes on
DEMO/smollm2/curation-v1.json, -v2     what was counted of the curation, see curation.py
DEMO/smollm2/evaluation                all systems in one evaluation

What is there is not made again. A part that is not named is left out of the page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.smollm2_study.curation import measure
from benchmarks.smollm2_study.page import page
from curation.store.files import write_whole
from evaluation.request import EvaluateRequest, evaluate_here
from flows.local.demo_training import NAMES, VERSION, above
from flows.train_steps import figures_of
from schemas.configuration.loading import load_train_config
from schemas.documents.evaluation import Evaluation
from schemas.errors import ConfigError
from schemas.repository import DATA, ROOT
from training.fit import FitResult
from training.llmvs import LlmvsRecipe
from training.run import Training, TrainRequest

PROMPTS = {"curation-v1": (), "curation-v2": ("extract.prompt=extract.v2", "refine.prompt=refine.v2")}
_KEPT = {"v2xum": "features.folder={}/features", "llmvs": "summarizer.folder={}/states"}
PARTS = (*_KEPT, *PROMPTS)
_BESIDE = ("v2xum", "llmvs", "llmvs_zero_shot", "curated")


def main() -> None:
    """Make what is missing, and write smollm2.md and smollm2.json."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks smollm2_page", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--demo", type=Path, default=DATA / "runs" / "demo-train", help="of a finished `make demo-train`"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to make and to show")
    parser.add_argument("--videos", type=int, default=10, help="how many are curated under each pair of prompts")
    parser.add_argument("--beside", type=Path, help="the results.json to stand beside; DEMO/results.json without it")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results")
    options = parser.parse_args()
    demo = options.demo.resolve()
    beside = options.beside or demo / "results.json"
    for needed in (demo / "truth.json", beside):
        if not needed.is_file():
            sys.exit(f"v2xum: there is no {needed}: `make demo-train` makes it")
    try:
        result = study(demo, options.parts, options.videos, json.loads(beside.read_text(encoding="utf-8")))
    except (ConfigError, RuntimeError) as error:
        sys.exit(f"v2xum: {error}")
    write_whole(options.out / "smollm2.json", json.dumps(result, indent=1) + "\n")
    write_whole(options.out / "smollm2.md", page(result))


def study(demo: Path, parts: Sequence[str], videos: int, beside: Mapping[str, Any]) -> dict[str, Any]:
    """The document of the page. Raises ConfigError and RuntimeError of what cannot be made."""
    requests = {kind: _request(kind, demo) for kind in _KEPT if kind in parts}
    for kind, request in requests.items():
        _train(kind, request, demo)
    result: dict[str, Any] = {"beside": {name: beside[name] for name in _BESIDE if name in beside}}
    if requests:
        evaluation = _evaluate(demo, {kind: request.out / "predictions" for kind, request in requests.items()})
        rows = {name: {NAMES.get(m, m): v for m, v in of.items()} for name, of in figures_of(evaluation).items()}
        result["rows"] = {name: row for name, row in rows.items() if row}
        result["protocol"] = evaluation.provenance.protocol
        result |= {kind: _told(evaluation, request) for kind, request in requests.items()}
    result["curation"] = [_curated(demo / "smollm2", part, videos) for part in PROMPTS if part in parts]
    return result


def _request(kind: str, demo: Path) -> TrainRequest:
    config = load_train_config(ROOT / "configs" / "train" / f"{kind}_smollm2.yaml", [_KEPT[kind].format(demo)])
    release = demo / "workspace" / "releases" / VERSION
    return TrainRequest(config=config, release=release, out=demo / f"{kind}_smollm2", resume=True)


def _train(kind: str, request: TrainRequest, demo: Path) -> None:
    """The real command, in a process of its own, whose memory is free afterwards."""
    if (request.out / "results.json").is_file():
        return
    command = [sys.executable, "-m", "flows.cli", "train", f"configs/train/{kind}_smollm2.yaml", "--resume"]
    command += ["--release", str(request.release), "--out", str(request.out), "--set", _KEPT[kind].format(demo)]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise RuntimeError(f"the training of {kind} over SmolLM2 ended before its results")


def _evaluate(demo: Path, folders: Mapping[str, Path]) -> Evaluation:
    files = {kind: folder / f"{kind}.jsonl" for kind, folder in folders.items()}
    files |= {f"{kind}_untrained": folder / "untrained.jsonl" for kind, folder in folders.items()}
    files["uniform"] = next(iter(folders.values())) / "uniform.jsonl"
    if "llmvs" in folders:
        files["llmvs_zero_shot"] = folders["llmvs"] / "zero_shot.jsonl"
    request = EvaluateRequest(
        predictions=tuple(f"{name}={path}" for name, path in files.items()),
        references=(demo / "truth.json",),
        out=demo / "smollm2" / "evaluation",
    )
    return evaluate_here(request)[0].evaluation


def _told(evaluation: Evaluation, request: TrainRequest) -> dict[str, Any]:
    training, fitted = Training(request), FitResult.read(request.out / "model")
    told: dict[str, Any] = {
        "films": {name: len(getattr(training, name)) for name in ("train", "validation", "test")},
        **{key: getattr(fitted, key) for key in ("steps", "best_step", "epochs", "losses", "validation", "seconds")},
        "above": above(evaluation, request.config.summarizer.kind),
    }
    if isinstance(training.recipe, LlmvsRecipe):
        frames = sum(example.frames for example in training.test)
        told["answered"] = 1 - training.recipe.unreadable(training.test) / frames
    return told


def _curated(folder: Path, part: str, videos: int) -> dict[str, Any]:
    path = folder / f"{part}.json"
    if not path.is_file():
        write_whole(path, json.dumps(measure(folder / part, videos, PROMPTS[part])) + "\n")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main()
