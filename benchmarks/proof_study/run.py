"""Trains on raw, on audited and on human-verified rows with the same budget, and compares the summarizers.

    python -m benchmarks proof [--folder data/runs/proof] [--out docs/results]

The rows are those of the training demo (`make demo-train`), into which faults of models are planted; the same number of
training videos and of steps for all. The held-out films are scored against their scripts. It goes on where it was
stopped. `--out` writes proof.md, proof.json and proof.svg.

FOLDER/demo            the demo's films, workspace and release, unless --demo names a folder of `make demo-train`
FOLDER/workspace       the demo's, with the pictures of all frames
FOLDER/features        vectors of frames
FOLDER/FAULTS/seed-N   releases of a seed with random faults or with habits; CONDITION/done.json ends a training
FOLDER/FAULTS/evaluation   all conditions, each seed a run; evaluation.json, report.html
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.proof_study.conditions import Condition, Seed, conditions, with_all_pictures
from benchmarks.proof_study.faults import Model, habits, random_faults
from benchmarks.proof_study.figures import BUDGET, SHARE, figures
from benchmarks.proof_study.page import page, plot
from curation.store.files import write_whole
from demo.truth import Known, write_truth
from evaluation.request import EvaluateRequest, evaluate_here
from flows.local import demo_training
from schemas.configuration.loading import load_train_config
from schemas.errors import ConfigError
from schemas.repository import ROOT
from training.examples import Example, Release, read_release
from training.predict import predict, write_predictions
from training.run import Hooks, Training, TrainRequest

SETTINGS = ("summarizer.text=null", "training.epochs=30", "training.check_every=30", "training.patience=null")


class Wanted(NamedTuple):
    """What to make in `folder`. `errors`: of the people, the first is the claim's; `more`: settings beside SETTINGS.

    With habits only the first rate of errors is tried.
    """

    folder: Path
    demo: demo_training.Wanted
    seeds: int = 5
    errors: tuple[float, ...] = (0.1, 0.2, 0.4)
    more: tuple[str, ...] = ()


class Study:
    """The study, step by step; what is finished is not made again."""

    def __init__(self, wanted: Wanted, on_step: Callable[[str], None]) -> None:
        """Open or begin the folder. Raises ConfigError for one that was begun with other settings."""
        self._wanted, self._on_step = wanted, on_step
        about = {"films": wanted.demo.films, "errors": list(wanted.errors), "settings": [*SETTINGS, *wanted.more]}
        path = wanted.folder / "about.json"
        if path.exists() and json.loads(path.read_text(encoding="utf-8")) != about:
            raise ConfigError(f"{wanted.folder} was begun with other settings: name another --folder, or remove it")
        write_whole(path, json.dumps(about, indent=1) + "\n")
        self._about = about
        self._demo = demo_training.DemoTraining(wanted.demo, on_step)

    def run(self) -> dict[str, Any]:
        """Make what is missing; return the figures by kind of faults (`figures`). Raises what the steps raise."""
        folder = self._wanted.folder
        base = read_release(self._demo.release())
        known = {one.id: one for one in self._demo.known(base.examples)}
        self._on_step("pictures")
        with_all_pictures(self._wanted.demo.folder / "workspace", folder / "workspace")
        write_truth(folder / "truth.json", [known[example.id] for example in base.split("test")])
        errors = self._wanted.errors
        found = {
            "random": self._compared("random", random_faults, errors, base, known),
            "habits": self._compared("habits", habits, errors[:1], base, known),
        }
        keyframes = float(np.mean([len(known[example.id].keyframes) for example in base.split("test")]))
        return {"about": {**self._about, "seeds": self._wanted.seeds, "keyframes": keyframes}, **found}

    def _compared(
        self,
        name: str,
        model: Callable[[int], Model],
        errors: tuple[float, ...],
        base: Release,
        known: Mapping[str, Known],
    ) -> dict[str, Any]:
        """All conditions and seeds with the faults of one kind of models."""
        folder, held_out, tried = self._wanted.folder / name, base.split("test"), conditions(errors)
        learned = {each.id: known[each.id] for each in base.examples if each.split != "test"}
        made, trained = [], []
        for number in range(self._wanted.seeds):
            self._on_step(f"{name}, seed {number}: releases")
            seed = Seed(folder / f"seed-{number}", number, errors, model(number))
            made.append(seed.make(self._wanted.folder / "workspace", learned))
            trained.append(self._train(seed, number, tried, held_out, known))
        self._on_step(f"{name}: evaluation")
        files = [
            f"{condition.name}{suffix}={folder / f'seed-{number}' / condition.name / f'predictions{suffix}.jsonl'}"
            for condition in tried
            for suffix in ("", BUDGET)
            for number in range(self._wanted.seeds)
        ]
        request = EvaluateRequest(
            predictions=tuple(files),
            references=(self._wanted.folder / "truth.json",),
            out=folder / "evaluation",
            text=False,
        )
        return figures(evaluate_here(request)[0].evaluation, made, trained)

    def _train(
        self,
        seed: Seed,
        number: int,
        tried: Sequence[Condition],
        held_out: Sequence[Example],
        known: Mapping[str, Known],
    ) -> dict[str, dict[str, Any]]:
        """Train every condition on the same number of videos: as many as the one with the fewest rows has."""
        done = {condition.name: seed.folder / condition.name / "done.json" for condition in tried}
        if not all(path.exists() for path in done.values()):
            rows = {
                condition.name: len(read_release(seed.release(condition)).split("train", condition.rows))
                for condition in tried
            }
            for condition in tried:
                if not done[condition.name].exists():
                    self._on_step(f"seed {number}: {condition.name}, {min(rows.values())} videos")
                    said = self._fit(seed, number, condition, min(rows.values()), held_out, known)
                    write_whole(done[condition.name], json.dumps({**said, "rows": rows[condition.name]}) + "\n")
        said = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in done.items()}
        return {
            name: {**of, "chosen": with_budget(done[name].with_name("predictions.jsonl"))} for name, of in said.items()
        }

    def _fit(
        self,
        seed: Seed,
        number: int,
        condition: Condition,
        videos: int,
        held_out: Sequence[Example],
        known: Mapping[str, Known],
    ) -> dict[str, Any]:
        began, out = time.monotonic(), seed.folder / condition.name
        settings = [f"features.folder={self._wanted.folder / 'features'}", f"training.seed={number}"]
        settings += [f"data.rows={condition.rows}", f"data.videos={videos}", *SETTINGS, *self._wanted.more]
        config = load_train_config(ROOT / "configs" / "train" / "vtsum_demo.yaml", settings)
        training = Training(TrainRequest(config=config, release=seed.release(condition), out=out, resume=True))
        hooks = Hooks()
        training.make_features(hooks)
        training.recipe.prepare(held_out)
        fit = training.fit(hooks)
        answers = predict(training.recipe, training.recipe.load(fit.model), held_out, config.evaluation.batch)
        write_predictions(out / "predictions.jsonl", answers)
        shutil.rmtree(out / "checkpoints", ignore_errors=True)  # gone where only the end is made again
        return {
            "videos": len(training.train),
            "steps": fit.steps,
            "labels": float(np.mean([label_f1(example, known[example.id]) for example in training.train])),
            "seconds": round(time.monotonic() - began, 1),
        }


def label_f1(example: Example, known: Known) -> float:
    """The F1 of a row's keyframes against the script."""
    said, true = set(example.keyframes), set(known.keyframes)
    return 2 * len(said & true) / (len(said) + len(true))


def with_budget(predictions: Path) -> float:
    """Write beside a file of predictions another one with the 15 % of each film's frames that have the highest scores.

    It compares the scores of models that learned to choose unlike numbers of keyframes. Returns how many keyframes a
    film has in the mean in the file itself.
    """
    lines, chosen = [], []
    for line in predictions.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        count = max(1, round(SHARE * len(said["scores"])))
        chosen.append(len(said.get("selected", [])))
        best = np.argsort(-np.array(said["scores"]), kind="stable")[:count]
        lines.append(json.dumps({**said, "selected": sorted(best.tolist()), "selected_as": "indices"}))
    write_whole(predictions.with_name(f"predictions{BUDGET}.jsonl"), "\n".join(lines) + "\n")
    return float(np.mean(chosen))


def main() -> None:
    """Make what is missing, and print the figures as one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks proof", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "runs" / "proof", help="for all files")
    parser.add_argument("--demo", type=Path, help="a folder of `make demo-train`, which is read; default: FOLDER/demo")
    parser.add_argument("--films", type=int, default=120, help="the number of films to render")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write proof.md, proof.json and proof.svg here")
    parser.add_argument("--json", action="store_true", help="print one line of JSON, which is also the default")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    folder = options.folder.resolve()
    demo = demo_training.Wanted((options.demo or folder / "demo").resolve(), options.films)
    study = Study(Wanted(folder, demo, options.seeds), lambda step: print(step, file=sys.stderr, flush=True))
    found = study.run()
    if options.out is not None:
        write_whole(options.out / "proof.json", json.dumps(found, indent=1) + "\n")
        write_whole(options.out / "proof.md", page(found))
        write_whole(options.out / "proof.svg", plot(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
