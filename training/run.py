"""One training from a release to predictions: everything is checked before hours are spent.

OUT/run.json                   configuration, data and hashes; a resumed training must have the same
OUT/features                   vectors of frames, unless `features.folder` names another place
OUT/checkpoints, tensorboard, model    see fit.py
OUT/predictions/NAME.jsonl     on the evaluated split: the trained model, the untrained one, uniform sampling, and more
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, cast

from pydantic import BaseModel, ConfigDict
from transformers import PreTrainedModel, set_seed

from curation.store.files import write_whole
from models.summarizers.checkpoint import STATED, Stated
from models.summarizers.predicted import Predicted
from models.summarizers.slots import SlotMap
from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError
from training.examples import Example, Release, mean_share, read_release
from training.features import Features, write_upstream
from training.fit import FitResult, Probe, fit, probe
from training.loop import Data, Step
from training.predict import Answer, predict, write_predictions
from training.recipe import Places, Recipe, recipe_of
from training.spoken import require_said


class TrainRequest(BaseModel):
    """What to train, on what, and where to. `media`: the folder of the videos, see `read_release`.

    `files`: annotations in place of a release, whose captions may come from it; `splits` and `fold` are theirs
    (flows/train_data.py).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: TrainConfig
    release: Path | None = None
    files: tuple[Path, ...] = ()
    splits: str | None = None
    fold: int = 0
    out: Path
    media: Path | None = None
    resume: bool = False


class Hooks(NamedTuple):
    """What a training tells: a video's vectors are made (done, of how many), and a step is done. It may be stopped."""

    raise_if_stopped: Callable[[], None] = lambda: None
    on_video: Callable[[int, int], None] = lambda done, videos: None
    on_step: Callable[[Step], None] = lambda step: None


class DryRun(NamedTuple):
    """What a training will take. `sources`: its training videos by who checked them; `missing` have no vectors yet."""

    probe: Probe
    sources: dict[str, int]
    missing: int


class Training:
    """An opened training: what it learns from is read and checked, no weights are loaded."""

    def __init__(self, request: TrainRequest, data: Release | None = None) -> None:
        """Check what can be checked. `data`: what was read of a request's files. Raises ConfigError."""
        self.request, self.config, self.out = request, request.config, request.out
        if self.out.is_file():
            raise ConfigError(f"--out {self.out} is a file: name a folder")
        if data is None and request.release is None:
            raise ConfigError("nothing to learn from: name a release (--release), or files and their videos (--data)")
        self.release: Release = data or read_release(cast("Path", request.release), request.media)
        self.train = self._learned()
        self.test = self.release.split(self.config.evaluation.split)
        there = {example.split for example in self.release.examples}
        needed = self.config.training.patience is not None
        rows = self.config.data.rows
        self.validation = self.release.split("validation", rows) if needed or "validation" in there else []
        self.features: Features | None = None
        if (section := self.config.features) is not None:
            folder = Path(section.folder) if section.folder is not None else self.out / "features"
            self.features = Features(folder, section.tower, self.release.sampling, section.speech)
        self.recipe: Recipe = recipe_of(self.config, self.features, Places(self.release.folder, self.out))
        every = [*self.train, *self.validation, *self.test]
        if self.recipe.reads_speech:
            require_said(every)
        self.recipe.check(every)

    def _learned(self) -> list[Example]:
        """The training videos that the section `data` names, in the order of the release."""
        found, most = self.release.split("train", self.config.data.rows), self.config.data.videos
        if most is None or most >= len(found):
            return found
        seed = self.config.training.seed
        drawn = sorted(found, key=lambda example: hashlib.sha256(f"{seed} {example.id}".encode()).digest())[:most]
        return [example for example in found if example in drawn]

    @property
    def about(self) -> dict[str, str]:
        """What decides the weights; a training is resumed only with the same."""
        # Without speech, as trainings that were begun before there was a key for it.
        speech = set() if self.recipe.reads_speech else {"speech"}
        settings = self.config.model_dump(
            mode="json",
            exclude={
                "evaluation": True,
                "features": {"folder", "upstream", "workers", *speech},
                "summarizer": {"folder", *speech},
            },
        )
        return {
            "kind": self.config.summarizer.kind,
            "config": hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
            "release": self.release.name,
            "made_from": self.release.made_from,
            "features": self.recipe.source,
        }

    def make_features(self, hooks: Hooks) -> None:
        """Make the vectors, or what else is kept of each video, that are missing. Raises as `Recipe.prepare`.

        Raises ConfigError before it for an OUT with a training that is not resumed, or was made of something else.
        """
        self._check_out()
        every, section = [*self.train, *self.validation, *self.test], self.config.features
        self.recipe.prepare(every, hooks.raise_if_stopped, hooks.on_video)
        if section is not None and section.upstream is not None and self.recipe.features is not None:
            write_upstream(Path(section.upstream), self.recipe.features, every)

    def _check_out(self) -> None:
        if not self.request.resume and any((self.out / "checkpoints").glob("checkpoint-*")):
            raise ConfigError(f"{self.out} holds a training already: --resume goes on, or name another folder by --out")
        if self.request.resume and (self.out / "run.json").is_file():
            stated = json.loads((self.out / "run.json").read_text(encoding="utf-8"))
            if other := [key for key, value in self.about.items() if stated.get(key) != value]:
                told = f"{self.out} holds a training with another {other[0]}"
                raise ConfigError(f"{told}: --resume needs the same one, or name another folder by --out")

    def build(self) -> PreTrainedModel:
        """The model before its training; the seed alone decides it."""
        set_seed(self.config.training.seed)
        return self.recipe.build(self.train)

    def dry_run(self, hooks: Hooks) -> DryRun:
        """Train a few steps on the longest videos, whose vectors are made for it, and keep nothing else."""
        settings = self.config.training
        some = self.train
        if not self.recipe.reads_lazily:
            some = sorted(some, key=lambda example: -example.frames)[: settings.batch * settings.accumulate]
        missing = len(self.recipe.missing([*self.train, *self.validation, *self.test]))
        first = [self.train[0]] if self.train[0] not in some else []  # from which a model takes the width of vectors
        self.recipe.prepare([*some, *first], hooks.raise_if_stopped, hooks.on_video)
        model, items = self.build(), self.recipe.items(some)
        data = Data(items, None, self.recipe.collator(), self.recipe.lengths(items))
        every = round(len(items) / len(some) * len(self.train))
        found = probe(model, data, settings, every, self.recipe.way())
        return DryRun(found, self.sources, missing)

    def fit(self, hooks: Hooks) -> FitResult:
        """Train, and leave the result in OUT/model. Raises as `fit`."""
        items = self.recipe.items(self.train)
        validation = self.recipe.items(self.validation) if self.validation else ()
        write_whole(self.out / "run.json", json.dumps({**self.about, "configuration": self.config.model_dump(
            mode="json")}, indent=2) + "\n")  # fmt: skip
        lengths = self.recipe.lengths(items) if self.config.training.group_by_length else ()
        return fit(
            self.build(),
            Data(items, validation or None, self.recipe.collator(), lengths),
            self.config.training,
            self.out,
            way=self.recipe.way(),
            resume=self.request.resume,
            about=self.about,
            save_also=self._save_also,
            raise_if_stopped=hooks.raise_if_stopped,
            on_step=hooks.on_step,
        )

    def _save_also(self, folder: Path) -> None:
        self.recipe.save_also(folder)
        stated = Stated(config=self.config, sampling=self.release.sampling, formats=self.release.formats)
        write_whole(folder / STATED, stated.model_dump_json(indent=2) + "\n")

    def predictions(self, model: Path, hooks: Hooks) -> dict[str, Path]:
        """Files of predictions for the evaluated split by the system's name.

        Trained, untrained, what the kind is compared with (`Recipe.compared`), and uniform sampling.
        """
        batch, kind = self.config.evaluation.batch, self.config.summarizer.kind
        files: dict[str, Path] = {kind: self.out / "predictions" / f"{kind}.jsonl"}
        answers = predict(self.recipe, self.recipe.load(model), self.test, batch, hooks.raise_if_stopped)
        write_predictions(files[kind], answers)
        if self.config.evaluation.untrained:
            files["untrained"] = self.out / "predictions" / "untrained.jsonl"
            answers = predict(self.recipe, self.build(), self.test, batch, hooks.raise_if_stopped)
            write_predictions(files["untrained"], answers)
        for name, predicted in self.recipe.compared(self.test, self.ratio).items():
            files[name] = self.out / "predictions" / f"{name}.jsonl"
            write_predictions(files[name], map(Answer, self.test, predicted))
        files["uniform"] = self.out / "predictions" / "uniform.jsonl"
        write_predictions(files["uniform"], map(self._uniform, self.test))
        return files

    @property
    def sources(self) -> dict[str, int]:
        """How many training rows nobody checked (`raw`), the audit checked, or people verified."""
        return dict(Counter(example.source for example in self.train))

    @cached_property
    def ratio(self) -> float:
        """The mean share of frames that are keyframes, in the training split."""
        return mean_share(self.train)

    def _uniform(self, example: Example) -> Answer:
        """As many keyframes as the training split has on average, at equal distances."""
        count = max(1, round(self.ratio * example.frames))
        inner = SlotMap(count + 2).shown(example.frames)[1:-1]
        return Answer(example, Predicted(None, tuple(sorted(set(inner.tolist())))))
