"""What `make demo-train` does: from scripts of films to three trained summarizers, evaluated on held-out films.

FOLDER/films, films.csv        the rendered films
FOLDER/workspace               curated by the demo's tiny checkpoints; its release 0.1.0 is what is learned
FOLDER/features, states        vectors of frames for V2Xum and VTSUM, states of captions for LLMVS
FOLDER/language_model          the tiny summarizer with a token for each slot, over which V2Xum is trained
FOLDER/KIND                    what `v2xum train configs/train/KIND_demo.yaml` leaves in OUT
FOLDER/truth.json              what the scripts say of the held-out films, one second of each picture
FOLDER/evaluation              all systems under one protocol; evaluation.json, report.html
FOLDER/results.json            the figures (`Results`)
FOLDER/steps.json              settings, finished steps and their seconds: what is finished is not made again

V2Xum is trained beside the other two, each by a `v2xum train` of its own: small models hardly use a second core.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from curation.pipeline.open import open_view
from curation.release.gate import Limits
from curation.status.standings import samples
from curation.store.files import write_whole
from curation.text.candidates import one_of_each_picture
from curation.workspace import Workspace
from demo import films
from demo.tiny_models.with_slots import with_slots
from demo.truth import Known, write_truth
from evaluation.compare import compare, read_evaluation
from evaluation.metrics.ranks import highest_kendall
from evaluation.metrics.text_sums import CORPUS
from evaluation.request import EvaluateRequest, evaluate_here
from flows.local.curate import curate_here
from flows.local.side_by_side import Commands
from flows.release_steps import release_workspace
from flows.train_steps import figures_of
from models.summarizers.predicted import Predicted
from schemas.configuration.loading import load_config, load_train_config
from schemas.documents.evaluation import Evaluation
from schemas.errors import ConfigError
from schemas.repository import DATA, ROOT
from training.examples import Example
from training.llmvs import LlmvsRecipe
from training.predict import Answer, write_predictions
from training.run import Training, TrainRequest

KINDS = ("v2xum", "vtsum", "llmvs")
SIDE_BY_SIDE = (("v2xum",), ("llmvs", "vtsum"))  # LLMVS needs no vectors of frames, which V2Xum makes for VTSUM too
STEPS = ("render", "curate", "release", *KINDS, "evaluate")
VERSION = "0.1.0"
SETTINGS = {
    "curate": (
        # Only seconds that look alike and have one caption count as one picture.
        "frames.near_duplicates.mode=disable",
        "export.title=Short films of the v2xum-curator demo",
        "export.licence=apache-2.0",
        "export.splits.train=0.7",
        "export.splits.validation=0.1",
        "export.splits.test=0.2",
    ),
    "v2xum": (
        f"summarizer.slots={films.LONGEST}",
        "summarizer.tasks=[v2v]",  # with words too, slots were learned later (decision 0062)
        "summarizer.fit_adapter=true",
        "summarizer.passages=6",
        "summarizer.noise=0.3",
        "training.learning_rate=1e-3",
        "training.epochs=240",
        "training.patience=60",
    ),
    "vtsum": (),
    "llmvs": (),
}
"""What is set beside configs/demo.yaml and configs/train/KIND_demo.yaml."""
NAMES = {"kendall_tau": "kendall", "spearman_rho": "spearman"}
_SIGNIFICANT = 0.05


class Wanted(NamedTuple):
    """What to make in `folder`: so many films, and `more` settings by step beside SETTINGS."""

    folder: Path
    films: int = 120
    more: Mapping[str, Sequence[str]] = {}

    def settings(self, step: str) -> list[str]:
        """The settings of a step, as `--set` takes them; the later one counts."""
        return [*SETTINGS[step], *self.more.get(step, [])]


class DemoTraining:
    """The steps, each made once. `on_step` is told the name of each step that begins."""

    def __init__(self, wanted: Wanted, on_step: Callable[[str], None]) -> None:
        """Open or begin the folder.

        Raises ConfigError for one that was begun with other settings, and for a number of films that cannot be made.
        """
        self._wanted, self._on_step, self._lock = wanted, on_step, threading.Lock()
        try:
            self._films = films.films(wanted.films)
        except ValueError as error:
            raise ConfigError(f"--films: {error}") from error
        self._place = Workspace(wanted.folder / "workspace")
        self._release = self._place.root / "releases" / VERSION
        self._about = {"films": wanted.films, "settings": {step: wanted.settings(step) for step in SETTINGS}}
        self._path = wanted.folder / "steps.json"
        said: dict[str, Any] = {"about": self._about}
        if self._path.exists():
            said = json.loads(self._path.read_text(encoding="utf-8"))
        if said["about"] != self._about:
            raise ConfigError(f"{wanted.folder} was begun with other settings: name another --folder, or remove it")
        self._seconds: dict[str, float] = said.get("seconds", {})
        self._done: list[str] = said.get("done", [])

    def release(self) -> Path:
        """Make films, dataset and release where they are missing; return the release. Raises what the steps raise."""
        self._step("render", self._wanted.folder / "films.csv", self._render)
        self._step("curate", self._place.root / "export" / "manifest.json", self._curate)
        self._step("release", self._release / "manifest.json", self._make_release)
        return self._release

    def run(self) -> Path:
        """Make what is missing, and return the path of the results. Raises what the steps raise."""
        folder = self._wanted.folder
        self.release()
        self._train_all()
        self._step("evaluate", folder / "evaluation" / "evaluation.json", self._evaluate)
        self._write_results()
        return folder / "results.json"

    def _step(self, name: str, output: Path, make: Callable[[], None]) -> None:
        """Make a step unless it is finished and its output is there. What follows a step is made again after it."""
        with self._lock:
            if name in self._done and output.exists():
                return
            if name in self._done:
                self._seconds.pop(name)
            self._done = [step for step in self._done if step != name and not _follows(step, name)]
            self._on_step(name)
        began = time.monotonic()
        try:
            make()
            self._done.append(name)
        finally:
            with self._lock:
                self._seconds[name] = self._seconds.get(name, 0) + time.monotonic() - began
                said = {"about": self._about, "done": self._done, "seconds": self._seconds}
                write_whole(self._path, json.dumps(said, indent=2) + "\n")

    def _render(self) -> None:
        folder = self._wanted.folder / "films"
        films.build(folder, self._films)
        films.write_list(self._wanted.folder / "films.csv", folder, self._films)

    def _curate(self) -> None:
        config = load_config(ROOT / "configs" / "demo.yaml", self._wanted.settings("curate"))
        counts = curate_here(config, self._place.root, [str(self._wanted.folder / "films.csv")], None)
        if not counts.samples:
            raise ConfigError(f"no film became a sample: {dict(counts.reasons)}")

    def _make_release(self) -> None:
        shutil.rmtree(self._release, ignore_errors=True)  # of a run that was killed here
        release_workspace(self._place, VERSION, Limits())

    def _settings(self, kind: str) -> list[str]:
        folder = self._wanted.folder
        kept = f"summarizer.folder={folder / 'states'}" if kind == "llmvs" else f"features.folder={folder / 'features'}"
        own = [f"summarizer.language_model={folder / 'language_model'}"] if kind == "v2xum" else []
        return [kept, *own, *self._wanted.settings(kind)]

    def _train_all(self) -> None:
        """Train what is not trained; what goes wrong with one ends the others, after a checkpoint."""
        folder = self._wanted.folder
        if not (place := folder / "language_model").exists():
            with_slots(DATA / "demo" / "summarizer", place, films.LONGEST)
        commands = Commands(len(SIDE_BY_SIDE))

        def train(kinds: Sequence[str]) -> None:
            for kind in kinds:
                self._step(kind, folder / kind / "results.json", partial(self._train, kind, commands))

        commands.side_by_side([partial(train, kinds) for kinds in SIDE_BY_SIDE])

    def _train(self, kind: str, commands: Commands) -> None:
        words = ["train", _config(kind), "--release", self._release, "--out", self._wanted.folder / kind, "--resume"]
        commands.run(kind, [*words, *(word for setting in self._settings(kind) for word in ("--set", setting))])

    def _trained(self) -> Training:
        """One of the trainings, for its release and its test split: all three have the same."""
        config = load_train_config(_config("llmvs"), self._settings("llmvs"))
        out = self._wanted.folder / "llmvs"
        return Training(TrainRequest(config=config, release=self._release, out=out, resume=True))

    def _evaluate(self) -> None:
        folder = self._wanted.folder
        held_out = self._trained().test
        write_truth(folder / "truth.json", self.known(held_out))
        files = {kind: folder / kind / "predictions" / f"{kind}.jsonl" for kind in KINDS}
        files["llmvs_zero_shot"] = folder / "llmvs" / "predictions" / "zero_shot.jsonl"
        files |= {f"{kind}_untrained": folder / kind / "predictions" / "untrained.jsonl" for kind in KINDS}
        files["uniform"] = folder / "v2xum" / "predictions" / "uniform.jsonl"
        files["curated"] = folder / "curated.jsonl"
        labels = (Answer(e, Predicted(None, e.keyframes, e.text, None)) for e in held_out)
        write_predictions(files["curated"], labels)
        evaluate_here(
            EvaluateRequest(
                predictions=tuple(f"{name}={path}" for name, path in files.items()),
                references=(folder / "truth.json",),
                out=folder / "evaluation",
                clip=str(DATA / "demo" / "clip"),
                pictures=self._place.root,
            )
        )

    def known(self, held_out: Sequence[Example]) -> list[Known]:
        """What the scripts say, among the seconds that were offered to the pipeline: one of each picture."""
        scripts = {film.id: film.script for film in self._films}
        with open_view(self._place) as view:
            offered = {
                sample.video.id: frozenset(
                    int(caption.index) for caption in one_of_each_picture(sample.captions, sample.frames).captions
                )
                for sample in samples(view)
            }
        return [Known(e.id, scripts[e.id], min(e.frames, scripts[e.id].duration), offered[e.id]) for e in held_out]

    def _write_results(self) -> None:
        evaluation = read_evaluation(self._wanted.folder / "evaluation" / "evaluation.json")
        training = self._trained()
        assert isinstance(training.recipe, LlmvsRecipe)
        known = self.known(training.test)
        found = {name: {NAMES.get(m, m): v for m, v in of.items()} for name, of in figures_of(evaluation).items()}
        untrained = {kind: found.pop(f"{kind}_untrained") for kind in KINDS}
        seconds = {name: round(self._seconds[name], 1) for name in STEPS}
        results: dict[str, Any] = {
            **{name: of for name, of in found.items() if of},
            "untrained": untrained,
            "above": {kind: above(evaluation, kind) for kind in KINDS},
            "kendall_ceiling": float(np.mean([highest_kendall(len(film.keyframes), film.frames) for film in known])),
            "zero_shot_answered": 1 - training.recipe.unreadable(training.test) / sum(film.frames for film in known),
            "films": {name: len(getattr(training, name)) for name in ("train", "validation", "test")},
            "protocol": evaluation.provenance.protocol,
            "seconds": {**seconds, "all": round(_wall(seconds), 1)},
        }
        write_whole(self._wanted.folder / "results.json", json.dumps(results, indent=1) + "\n")


def _config(kind: str) -> Path:
    return ROOT / "configs" / "train" / f"{kind}_demo.yaml"


def _follows(step: str, other: str) -> bool:
    """Whether a step uses what the other one makes; trainings do not use each other's."""
    return STEPS.index(step) > STEPS.index(other) and not (step in KINDS and other in KINDS)


def _wall(seconds: Mapping[str, float]) -> float:
    """The seconds of all steps by the clock, where the trainings run side by side."""
    longest = max(sum(seconds[kind] for kind in kinds) for kinds in SIDE_BY_SIDE)
    return sum(spent for step, spent in seconds.items() if step not in KINDS) + longest


def above(evaluation: Evaluation, kind: str) -> dict[str, list[str]]:
    """By metric, the rows that the trained model of a kind is above: untrained, zero-shot, uniform and random.

    A row counts where the paired test over videos gives p < 0.05 (Holm over the metrics), and the model's mean is
    higher.
    """
    found: dict[str, list[str]] = {}
    names = {row.name for row in evaluation.systems}
    for other in (f"{kind}_untrained", f"{kind}_zero_shot", "uniform", "random"):
        if other not in names:
            continue
        for metric in compare(evaluation, evaluation, first_system=other, second_system=kind, corpus=CORPUS).metrics:
            higher = metric.difference is not None and metric.difference > 0
            if higher and metric.p_holm is not None and metric.p_holm < _SIGNIFICANT:
                found.setdefault(NAMES.get(metric.name, metric.name), []).append(other)
    return found
