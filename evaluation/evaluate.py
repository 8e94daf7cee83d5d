"""Makes an evaluation from references and predictions: pairs, metrics, baselines, intervals and provenance.

A system has only the metrics of what it predicts in any of its runs. The video metrics of a system that only writes
text are undefined, with the reason; so are the text metrics of a system that only chooses frames. Where a system does
predict frames or text, a video without an answer counts as the worst; and so does every video in every metric where all
predictions failed. evaluation/units.py states the rule.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from evaluation.baselines import all_baselines
from evaluation.cases import Case, Evaluated, Prediction, Reference, References, System
from evaluation.counted import failed_predictions
from evaluation.matching import match, wordless
from evaluation.metrics.crossmodal import UNITS as CROSS_UNITS
from evaluation.metrics.crossmodal import CrossModalOptions, predicted_frames
from evaluation.metrics.embeddings import Embedder, cross_modal
from evaluation.metrics.text import METRICS as TEXT_METRICS
from evaluation.metrics.text import SCORERS, TextPair, TextScorers
from evaluation.metrics.text import UNITS as TEXT_UNITS
from evaluation.metrics.text_sums import CORPUS
from evaluation.metrics.video import evaluate_videos
from evaluation.pictures import FramePictures, with_pictures
from evaluation.protocols import Protocol
from evaluation.uncertainty.bootstrap import INTERVAL
from evaluation.uncertainty.draws import with_intervals_of_draws
from evaluation.uncertainty.metric_intervals import summarize
from schemas.documents.evaluation import Evaluation, Problem, Provenance, SystemValues, VideoValues
from schemas.errors import ConfigError

BASELINES = frozenset({"random", "human leave-one-out", "models leave-one-out", "oracle"})
DRAWS = 100  # draws of random scores for each video
_PACKAGES = ("numpy", "scipy", "pycocoevalcap", "torch", "transformers")
_NO_FRAMES = "the system predicts no frames"
_NO_TEXT = "the system predicts no text"
_OF_TEXTS = ("cross_f_clip", "vt_clipscore")


@dataclass(frozen=True, slots=True)
class CrossModal:
    """What the cross-modal metrics need: a CLIP, options, and pictures of frames that the references do not contain."""

    embedder: Embedder
    options: CrossModalOptions
    pictures: FramePictures


class Inputs(NamedTuple):
    """The inputs' names (never paths of the machine) and SHA-256, for the provenance."""

    references: str
    references_sha256: str
    predictions: Mapping[str, str]
    splits: str | None = None


def evaluate(
    protocol: Protocol,
    references: References,
    systems: Sequence[System],
    inputs: Inputs,
    *,
    scorers: TextScorers | None = None,
    cross: CrossModal | None = None,
    baselines: bool = True,
    seed: int = 0,
) -> Evaluated:
    """Evaluate systems under one protocol. Every reference counts for every system; faults of inputs are `Problem`s.

    `scorers`: None leaves out the text metrics. `cross`: None leaves out the cross-modal metrics. Raises ConfigError
    for no references, no systems, two systems of one name, and a system with the name of a baseline. Raises JavaFailed.
    """
    if not systems:
        raise ConfigError("there is nothing to evaluate: name a file of predictions")
    names = [system.name for system in systems]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"two systems are called {twice!r}: give them names as NAME=PATH")
    if taken := set(names) & BASELINES:
        raise ConfigError(f"a system cannot be called {min(taken)!r}: that is the name of a row for comparison")
    problems: list[Problem] = list(references.problems)
    rows: list[SystemValues] = []
    cases: dict[str, list[Case]] = {}
    with_text = scorers is not None and any(reference.texts for reference in references.items)
    units: dict[str, str] = {metric.name: metric.unit for metric in protocol.metrics}
    units |= TEXT_UNITS if with_text else {}
    units |= CROSS_UNITS if cross is not None else {}
    for system in systems:
        runs: list[list[VideoValues]] = []
        every = [match(references.items, predictions.items) for predictions in system.runs]
        forms = _forms_of([pair for matched in every for pair in matched.pairs])
        for number, (predictions, matched) in enumerate(zip(system.runs, every, strict=True), start=1):
            label = system.name if len(system.runs) == 1 else f"{system.name}, run {number}"
            values, refused = _measure(protocol, matched.pairs, forms, scorers if with_text else None, cross)
            own_problems = [*predictions.problems, *matched.problems, *refused]
            alone = len(systems) == 1 and len(system.runs) == 1
            problems += [
                problem if alone else problem.model_copy(update={"detail": f"{label}: {problem.detail}"})
                for problem in own_problems
            ]
            runs.append(values)
            if number == 1:
                cases[system.name] = [Case(*pair, own) for pair, own in zip(matched.pairs, values, strict=True)]
        missing = {} if scorers is None or scorers.reason is None else dict.fromkeys(TEXT_METRICS, scorers.reason)
        metrics = summarize(units, runs, seed, corpus=CORPUS, missing=missing if with_text else {})
        rows.append(
            SystemValues(
                name=system.name,
                kind=system.kind,
                metrics=metrics,
                videos=tuple(runs[0]),
                more_runs=tuple(map(tuple, runs[1:])),
                runs=len(runs),
            )
        )
    if baselines:
        rows += _baselines(protocol, references.items, seed)
    evaluation = Evaluation(
        provenance=_provenance(protocol, inputs, scorers if with_text else None, cross, seed),
        systems=tuple(rows),
        problems=tuple(problems),
        counts={},
    )
    counts = _counts(references, evaluation, len(systems))
    return Evaluated(evaluation.model_copy(update={"counts": counts}), cases)


class _Forms(NamedTuple):
    """What a system predicts."""

    frames: bool
    text: bool


def _forms_of(pairs: Sequence[tuple[Reference, Prediction]]) -> _Forms:
    """What any prediction of a system has; frames and text where all failed and nobody knows."""
    frames = any(p.scores is not None or p.selected is not None for _, p in pairs)
    text = any(p.text is not None for _, p in pairs)
    return _Forms(frames, text) if frames or text else _Forms(True, True)


def _measure(
    protocol: Protocol,
    pairs: Sequence[tuple[Reference, Prediction]],
    forms: _Forms,
    scorers: TextScorers | None,
    cross: CrossModal | None,
) -> tuple[list[VideoValues], list[Problem]]:
    """All metrics of one run, one row for each pair, and the problems of parts that count as the worst."""
    refused: list[Problem] = []
    if forms.frames:
        rows = evaluate_videos(protocol, pairs)
        refused += _unanswered(rows, pairs)
    else:
        nothing: dict[str, float | None] = {metric.name: None for metric in protocol.metrics}
        why = {metric.name: _NO_FRAMES for metric in protocol.metrics}
        rows = [VideoValues(id=r.id, values=nothing, undefined=why, failure=p.failure) for r, p in pairs]
    if scorers is not None:
        rows, unscored = _with_texts(rows, pairs, scorers, forms.text)
        refused += unscored
    if cross is not None:
        stream = _with_pictures(pairs, cross)
        measures = cross_modal(stream, cross.embedder, cross.options, frames=forms.frames, text=forms.text)
        for i, (measured, (_, prediction)) in enumerate(zip(measures, pairs, strict=True)):
            rows[i] = _joined(rows[i], measured.values, measured.undefined)
            if forms.text and prediction.failure is None and (lacking := wordless(prediction)) is not None:
                worst = {name: lacking for name in _OF_TEXTS if measured.values[name] is not None}
                rows[i] = rows[i].model_copy(update={"as_worst": {**rows[i].as_worst, **worst}})
                if worst and scorers is None and prediction.text is None:
                    detail = f"{lacking}: worst in {', '.join(worst)}"
                    refused.append(Problem(id=prediction.id, reason="no_text", detail=detail, counted="worst"))
    return rows, refused


def _unanswered(rows: Sequence[VideoValues], pairs: Sequence[tuple[Reference, Prediction]]) -> list[Problem]:
    """What counts as the worst although the prediction itself is no failure."""
    problems = []
    for row, (_, prediction) in zip(rows, pairs, strict=True):
        if prediction.failure is None and row.failure is not None:
            problems.append(Problem(id=row.id, reason="no_frames", detail=row.failure, counted="worst"))
        by_reason: dict[str, list[str]] = {}
        for metric, reason in row.as_worst.items():
            by_reason.setdefault(reason, []).append(metric)
        for reason, metrics in by_reason.items():
            detail = f"{reason}: worst in {', '.join(metrics)}"
            problems.append(Problem(id=row.id, reason="unanswered", detail=detail, counted="worst"))
    return problems


def _with_texts(
    rows: list[VideoValues],
    pairs: Sequence[tuple[Reference, Prediction]],
    scorers: TextScorers,
    has_text: bool,
) -> tuple[list[VideoValues], list[Problem]]:
    if not has_text:
        why = dict.fromkeys(TEXT_METRICS, _NO_TEXT)
        return [_joined(row, dict.fromkeys(TEXT_METRICS), why) for row in rows], []
    texts = [TextPair(r.id, None if p.failure is not None else p.text, r.texts) for r, p in pairs]
    scores = scorers.score(texts)
    place = {id_: row for row, id_ in enumerate(scores.scored)}
    empty = frozenset(scores.empty)
    joined = []
    refused = []
    for row, (_, prediction) in zip(rows, pairs, strict=True):
        values = {metric: scores.videos[metric][row.id] for metric in TEXT_METRICS}
        why = {metric: scores.undefined[row.id] for metric in TEXT_METRICS if row.id in scores.undefined}
        sums = {name: tuple(table[place[row.id]].tolist()) for name, table in scores.sums.items() if row.id in place}
        as_worst = dict(row.as_worst)
        if prediction.failure is None and row.id in place:
            unscorable = scores.refused.get(row.id)
            if row.id in empty:
                as_worst |= dict.fromkeys(TEXT_METRICS, unscorable or wordless(prediction) or "no word that counts")
            elif unscorable is not None:
                as_worst["METEOR"] = unscorable
            if unscorable is not None:
                refused.append(Problem(id=row.id, reason="unscorable_text", detail=unscorable, counted="worst"))
            elif prediction.text is None:
                detail = "no text: worst in the text metrics"
                refused.append(Problem(id=row.id, reason="no_text", detail=detail, counted="worst"))
        joined.append(_joined(row, values, why).model_copy(update={"sums": sums, "as_worst": as_worst}))
    return joined, refused


def _joined(row: VideoValues, values: Mapping[str, float | None], undefined: Mapping[str, str]) -> VideoValues:
    return row.model_copy(update={"values": {**row.values, **values}, "undefined": {**row.undefined, **undefined}})


def _with_pictures(
    pairs: Sequence[tuple[Reference, Prediction]], cross: CrossModal
) -> Iterator[tuple[Reference, Prediction]]:
    for reference, prediction in pairs:
        chosen = None if prediction.failure is not None else predicted_frames(prediction, cross.options)
        yield with_pictures(reference, chosen, cross.pictures), prediction


def _baselines(protocol: Protocol, references: Sequence[Reference], seed: int) -> list[SystemValues]:
    rows = []
    units = {metric.name: metric.unit for metric in protocol.metrics}
    for row in all_baselines(protocol, references, draws=DRAWS, seed=seed):
        metrics = summarize(units, [row.videos], seed) if row.videos else ()
        metrics = with_intervals_of_draws(metrics, row.draws, seed)
        rows.append(SystemValues(name=row.name, kind=row.kind, metrics=metrics, videos=row.videos, note=row.note))
    return rows


def _provenance(
    protocol: Protocol, inputs: Inputs, scorers: TextScorers | None, cross: CrossModal | None, seed: int
) -> Provenance:
    return Provenance(
        protocol=protocol.name,
        choices={**protocol.choices(), "random_draws": DRAWS, **(cross.options.choices() if cross else {})},
        references=inputs.references,
        references_sha256=inputs.references_sha256,
        predictions=dict(inputs.predictions),
        splits=inputs.splits,
        clip=cross.options.clip if cross else None,
        text_unit=cross.options.text_unit if cross else None,
        text_scorers=SCORERS if scorers is not None and scorers.reason is None else None,
        interval=INTERVAL,
        seed=seed,
        software={"python": platform.python_version(), **_versions()},
    )


def _versions() -> dict[str, str]:
    versions = {}
    for name in ("v2xum-curator", *_PACKAGES):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _counts(references: References, evaluation: Evaluation, systems: int) -> dict[str, int]:
    problems = evaluation.problems
    return {
        "videos": len(references.items),
        "systems": systems,
        "references_left_out": len(references.problems),
        "counted_as_worst": failed_predictions(evaluation),
        "left_out": sum(problem.counted == "left_out" for problem in problems),
        "read_in_part": sum(problem.counted == "as_read" for problem in problems),
    }
