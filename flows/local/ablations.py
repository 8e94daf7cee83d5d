"""The ablation rows of a summarizer: a training for each row, one evaluation over all of them, and a page of the table.

ROWS.yaml              the kind, the published files whose tables have such rows, and by row what is set beside CONFIG
OUT/rows/N-NAME        what `v2xum train` leaves; what is finished is not made again
OUT/features, states   what all rows share
OUT/evaluation         all rows under one protocol
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from curation.store.files import write_whole
from evaluation.compare import compare
from evaluation.metrics.text_sums import CORPUS
from evaluation.report.beside_published import ablations_page
from evaluation.report.tables import KINDS
from evaluation.request import evaluate_here
from evaluation.uncertainty.significance import holm
from flows.train_steps import COMPARED, evaluation_request, figures_of, open_training, train_here
from schemas.configuration.loading import load_train_config
from schemas.configuration.section import Section
from schemas.documents.evaluation import Evaluation
from schemas.errors import ConfigError
from schemas.kit.yaml_values import yaml_values
from training.fit import FitResult
from training.run import Hooks, Training, TrainRequest

_SIGNIFICANT = 0.05


class Rows(Section):
    """What is trained. `tables`: files of data/published. `rows`: by name what is set, as `--set` takes it."""

    kind: Literal["v2xum", "vtsum", "llmvs"]
    tables: tuple[str, ...] = Field(min_length=1)
    rows: dict[str, tuple[str, ...]] = Field(min_length=1)


class Wanted(NamedTuple):
    """The configuration's file, the rows, the settings of every row, and the request of the configuration itself."""

    config: Path
    rows: Rows
    overrides: Sequence[str]
    request: TrainRequest

    @property
    def out(self) -> Path:
        """The folder for everything."""
        return self.request.out


def read_rows(path: Path) -> Rows:
    """Read ROWS.yaml. Raises ConfigError."""
    try:
        rows = Rows.model_validate(yaml_values(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: no rows of an ablation, as configs/train/ablations has them: {error}") from error
    if wrong := [name for name in rows.rows if not re.fullmatch(r"[^=/\\]{1,60}", name) or not name.strip()]:
        raise ConfigError(f"{path}: {wrong[0]!r} is no name of a row: up to 60 letters, without = and /")
    return rows


def train_rows(wanted: Wanted, on_row: Callable[[str], None], hooks: Hooks) -> dict[str, Any]:
    """Train what is not finished, evaluate all rows together, and return the figures.

    Raises ConfigError before anything is trained for a row that cannot be configured, and what the trainings raise.
    """
    requests = {name: _request(wanted, place, name) for place, name in enumerate(wanted.rows.rows)}
    files: dict[str, Path] = {}
    opened: Training | None = None
    for name, request in requests.items():
        on_row(name)
        training = open_training(request)
        if not _is_finished(training):
            train_here(request, hooks)
        files[name] = request.out / "predictions" / f"{wanted.rows.kind}.jsonl"
        opened = opened or training
    assert opened is not None  # there is a row
    compared = {name: opened.out / "predictions" / f"{name}.jsonl" for name in COMPARED}
    files |= {name: path for name, path in compared.items() if path.is_file()}
    fit = FitResult.read(opened.out / "model")
    asked = evaluation_request(opened, fit, files)
    evaluated, _ = evaluate_here(asked.model_copy(update={"out": wanted.out / "evaluation", "curves": None}))
    return _results(wanted, evaluated.evaluation, requests, opened)


def write_page(page: Path, results: Mapping[str, Any]) -> Path:
    """Write the page and the JSON beside it, which keeps the figures of other kinds. Returns the page's path."""
    beside = page.with_suffix(".json")
    known = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
    known = {**known, results["kind"]: results}
    write_whole(beside, json.dumps(known, indent=1) + "\n")
    write_whole(page, ablations_page([known[kind] for kind in sorted(known)]))
    return page


def _request(wanted: Wanted, place: int, name: str) -> TrainRequest:
    shared = f"summarizer.folder={wanted.out / 'states'}"
    if wanted.rows.kind != "llmvs":
        shared = f"features.folder={wanted.out / 'features'}"
    config = load_train_config(wanted.config, [shared, *wanted.overrides, *wanted.rows.rows[name]])
    if config.summarizer.kind != wanted.rows.kind:
        raise ConfigError(f"{wanted.config} trains {config.summarizer.kind}, and the rows are of {wanted.rows.kind}")
    folder = f"{place}-{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')}"
    out = wanted.out / "rows" / folder
    return wanted.request.model_copy(update={"config": config, "out": out, "resume": True})


def _is_finished(training: Training) -> bool:
    """Whether the row was trained and evaluated, of the same data by the same configuration."""
    if not (training.out / "results.json").is_file():
        return False
    stated = json.loads((training.out / "run.json").read_text(encoding="utf-8"))
    return all(stated.get(key) == value for key, value in training.about.items())


def _results(
    wanted: Wanted, evaluation: Evaluation, requests: Mapping[str, TrainRequest], opened: Training
) -> dict[str, Any]:
    figures = figures_of(evaluation)
    return {
        "kind": wanted.rows.kind,
        "tables": list(wanted.rows.tables),
        "config": wanted.config.name,
        "overrides": [text for text in wanted.overrides if "/" not in text],
        "data": opened.release.name,
        "protocol": evaluation.provenance.protocol,
        "interval": evaluation.provenance.interval,
        "videos": evaluation.counts["videos"],
        "trained_on": len(opened.train),
        "sets": {name: list(values) for name, values in wanted.rows.rows.items()},
        "rows": {name: figures[name] for name in requests},
        "compared": {
            f"{row.name} ({KINDS[row.kind]})": figures[row.name]
            for row in evaluation.systems
            if row.kind != "system" and row.metrics
        },
        "best": _best(evaluation, list(requests)),
    }


def _best(evaluation: Evaluation, names: Sequence[str]) -> dict[str, str]:
    """By metric the row that is significantly above every other row with a value, floor and all.

    Paired over videos; p < 0.05 by Holm over the other rows.
    """
    values = {row.name: {m.name: m.value for m in row.metrics if m.value is not None} for row in evaluation.systems}
    pairs: dict[tuple[str, str], dict[str, float | None]] = {}
    best = {}
    for metric in dict.fromkeys(metric for name in names for metric in values[name]):
        top = max((name for name in names if metric in values[name]), key=lambda name: values[name][metric])
        others = [name for name, of in values.items() if name != top and metric in of]
        for other in others:
            if (top, other) not in pairs:
                made = compare(evaluation, evaluation, first_system=other, second_system=top, corpus=CORPUS)
                pairs[top, other] = {m.name: m.p for m in made.metrics if m.difference is not None and m.difference > 0}
        found = holm([pairs[top, other].get(metric, 1.0) for other in others])
        if others and all(p is not None and p < _SIGNIFICANT for p in found):
            best[metric] = top
    return best
