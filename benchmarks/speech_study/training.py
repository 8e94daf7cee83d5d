"""Measures what a trained summarizer gains from transcripts: `python -m benchmarks speech_training`.

    python -m benchmarks speech_training [--folder data/runs/speech] [--seeds 3] [--out docs/results]

It reads the folder of `python -m benchmarks speech_study`, makes a release of the samples with transcripts, and trains
VTSUM (configs/train/vtsum_demo.yaml, without a text) on it. The films are divided into folds, so that every film is
scored by models that never saw it. It goes on where it was stopped. `--out` writes speech-training.md and .json.

FOLDER/trained/features                           vectors of frames
FOLDER/trained/STUDY/CONDITION/SEED-FOLD/scores.json   the scores of the films of a fold; it ends a training. STUDY is a
                                                  hash of what the study found: one that is made anew is another one
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.speech_study.curation import config_of, row, script_of
from benchmarks.speech_study.training_page import page
from curation.pipeline.open import open_view
from curation.release.gate import Limits
from curation.status.standings import samples
from curation.store.files import hash_file, write_whole
from curation.text.candidates import one_of_each_picture
from curation.workspace import Workspace
from demo.narrated_films import narrated_films
from evaluation.cases import Floats
from evaluation.uncertainty.bootstrap import intervals, mean_of
from evaluation.uncertainty.runs import Span
from flows.release_steps import release_workspace
from schemas.configuration.loading import load_train_config
from schemas.errors import ConfigError
from schemas.repository import ROOT
from training.examples import Example, Release, read_release
from training.predict import predict
from training.run import Hooks, Training, TrainRequest

VERSION, FOLDS = "0.1.0", 5
WORDS = "features.speech={engine: ngram, dimensions: 512}"
# What a model is told beside the pictures: nothing, when somebody speaks, and what is said.
CONDITIONS = {"pictures": (), "voices": (WORDS,), "words": (WORDS,)}
PAIRS = (("words", "pictures"), ("words", "voices"), ("voices", "pictures"))
SETTINGS = ("summarizer.text=null", "training.epochs=40", "training.check_every=1000", "training.patience=null")
KINDS = ("shown", "said", "chatter")


class Truth(NamedTuple):
    """Of a film: the seconds that were offered, and which of them matter or are chatter, by kind."""

    offered: tuple[int, ...]
    kinds: dict[str, set[int]]

    @property
    def right(self) -> set[int]:
        """The seconds that matter."""
        return self.kinds["shown"] | self.kinds["said"]


def run(folder: Path, seeds: int, on_step: Callable[[str], None], more: Sequence[str] = ()) -> dict[str, Any]:
    """Make what is missing, and return the figures; `more`: settings beside SETTINGS.

    Raises ConfigError for a folder without the study, and what a training raises.
    """
    about = folder / "about.json"
    if not about.is_file() or not (folder / "on-0.json").is_file():
        raise ConfigError(f"{folder} has no finished study: `python -m benchmarks speech_study --folder {folder}`")
    count = json.loads(about.read_text(encoding="utf-8"))["films"]
    release, known = _release(folder, on_step), truth(folder, count)
    scores: dict[str, list[dict[str, list[float]]]] = {}
    for condition in CONDITIONS:
        scores[condition] = []
        for seed in range(seeds):
            on_step(f"{condition}, seed {seed}")
            found: dict[str, list[float]] = {}
            for fold in range(FOLDS):
                found |= _scores(folder, release, condition, seed, fold, more)
            scores[condition].append(found)
    return {"films": len(known), "seeds": seeds, "folds": FOLDS, **figures(scores, known)}


def truth(folder: Path, count: int) -> dict[str, Truth]:
    """What is right in the films of which the study has a sample, by id."""
    films, found = narrated_films(count), {}
    with open_view(Workspace(folder / "on-0")) as view:
        for sample in samples(view):
            said = row(sample, script_of(films, sample.source.id))
            offered = one_of_each_picture(sample.captions, sample.frames).captions
            found[sample.source.id] = Truth(
                tuple(int(caption.index) for caption in offered), {kind: set(said[kind]) for kind in KINDS}
            )
    return found


def figures(scores: dict[str, list[dict[str, list[float]]]], known: dict[str, Truth]) -> dict[str, Any]:
    """R-precision by condition, with paired differences, and the share of each kind that is among the chosen."""
    names = sorted(known)
    values: dict[str, Floats] = {}
    hits: dict[str, dict[str, float]] = {}
    for condition, of in scores.items():
        chosen = [{name: best(one[name], known[name]) for name in names} for one in of]
        values[condition] = np.array(
            [np.mean([len(one[name] & known[name].right) / len(known[name].right) for one in chosen]) for name in names]
        )
        hits[condition] = {
            kind: float(np.mean([_share([one[name] for name in names], names, known, kind) for one in chosen]))
            for kind in KINDS
        }
    differences = {f"{one} - {other}": values[one] - values[other] for one, other in PAIRS}
    statistics = [mean_of(of, Span(0, 1)) for of in values.values()]
    statistics += [mean_of(of, Span(-1, 1)) for of in differences.values()]
    ends = [[one.value, one.low, one.high] for one in intervals(statistics, seed=0)]
    return {
        "chance": float(np.mean([len(known[name].right) / len(known[name].offered) for name in names])),
        "precision": dict(zip(values, ends[: len(values)], strict=True)),
        "differences": dict(zip(differences, ends[len(values) :], strict=True)),
        "chosen": hits,
        "seconds": {kind: sum(len(known[name].kinds[kind]) for name in names) for kind in KINDS},
    }


def best(scores: Sequence[float], known: Truth) -> set[int]:
    """As many offered seconds as matter, those with the highest scores; the earlier one of equal ones."""
    return set(sorted(known.offered, key=lambda second: (-scores[second], second))[: len(known.right)])


def _share(chosen: Sequence[set[int]], names: Sequence[str], known: dict[str, Truth], kind: str) -> float:
    there = sum(len(known[name].kinds[kind]) for name in names)
    return sum(len(of & known[name].kinds[kind]) for of, name in zip(chosen, names, strict=True)) / there


def _release(folder: Path, on_step: Callable[[str], None]) -> Release:
    place = Workspace(folder / "on-0")
    made = place.root / "releases" / VERSION
    if not (made / "manifest.json").is_file():
        on_step("release")
        shutil.rmtree(made, ignore_errors=True)  # of a run that was killed here
        config = config_of("on", folder / "checkpoint")
        stated = {"title": "Narrated films of the demo's world", "licence": "apache-2.0"}
        place.save_config(config.model_copy(update={"export": config.export.model_copy(update=stated)}))
        release_workspace(place, VERSION, Limits())
    return read_release(made)


def _scores(
    folder: Path, release: Release, condition: str, seed: int, fold: int, more: Sequence[str]
) -> dict[str, list[float]]:
    """The scores of the films of a fold, by a model that was trained on the others."""
    study = hash_file(folder / "on-0.json")[0][:12]
    out = folder / "trained" / study / condition / f"{seed}-{fold}"
    if not (out / "scores.json").is_file():
        settings = [*SETTINGS, *CONDITIONS[condition], *more, f"training.seed={seed}"]
        settings += [f"features.folder={folder / 'trained' / 'features'}"]
        config = load_train_config(ROOT / "configs" / "train" / "vtsum_demo.yaml", settings)
        data = release._replace(examples=tuple(_told(each, condition) for each in in_folds(release.examples, fold)))
        training = Training(TrainRequest(config=config, out=out, resume=True), data)
        training.make_features(Hooks())
        model = training.recipe.load(training.fit(Hooks()).model)
        made = {}
        for answer in predict(training.recipe, model, training.test, config.evaluation.batch):
            assert answer.predicted.scores is not None
            made[answer.example.id] = [round(float(score), 6) for score in answer.predicted.scores]
        write_whole(out / "scores.json", json.dumps(made) + "\n")
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
    found: dict[str, list[float]] = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    return found


def in_folds(examples: Sequence[Example], fold: int) -> list[Example]:
    """The examples, of which every FOLDSth is for the test and all others for the training."""
    ordered = sorted(examples, key=lambda example: example.id)
    return [
        replace(example, split="test" if number % FOLDS == fold else "train") for number, example in enumerate(ordered)
    ]


def _told(example: Example, condition: str) -> Example:
    if condition != "voices":
        return example
    return replace(example, said=tuple("somebody speaks" if said else "" for said in example.said))


def main() -> None:
    """Make what is missing, and print the figures as one line of JSON, with or without `--json`."""
    about = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks speech_training", description=about)
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "runs" / "speech", help="of the speech study")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each condition and fold")
    parser.add_argument("--out", type=Path, help="write speech-training.md and speech-training.json here")
    parser.add_argument("--json", action="store_true", help="print one line of JSON, which is also the default")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    found = run(options.folder.resolve(), options.seeds, lambda step: print(step, file=sys.stderr, flush=True))
    if options.out is not None:
        write_whole(options.out / "speech-training.json", json.dumps(found, indent=1) + "\n")
        write_whole(options.out / "speech-training.md", page(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
