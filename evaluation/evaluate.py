"""One evaluation from references and predictions: pairs, metrics, baselines, intervals, and all that they depend on.

A metric belongs to a system that says something of its kind: one that only writes text has no video metrics (undefined,
with the reason), one that only chooses frames has no text metrics. Within a kind, a video without an answer is worst.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from evaluation.baselines import all_baselines
from evaluation.cases import Case, Evaluated, Prediction, Reference, References, System
from evaluation.matching import match
from evaluation.metrics.crossmodal import UNITS as CROSS_UNITS
from evaluation.metrics.crossmodal import CrossModalOptions
from evaluation.metrics.embeddings import Embedder, cross_modal
from evaluation.metrics.text import METRICS as TEXT_METRICS
from evaluation.metrics.text import SCORERS, TextPair, TextScorers
from evaluation.metrics.text import UNITS as TEXT_UNITS
from evaluation.metrics.text_sums import CORPUS
from evaluation.metrics.video import evaluate_videos
from evaluation.pictures import FramePictures, with_pictures
from evaluation.protocols import Protocol
from evaluation.uncertainty.bootstrap import INTERVAL
from evaluation.uncertainty.metric_intervals import summarize
from schemas.errors import ConfigError
from schemas.evaluation import Evaluation, Problem, Provenance, SystemValues, VideoValues

BASELINES = frozenset({"random", "human leave-one-out", "oracle"})
DRAWS = 100  # of the random floor, a video
_PACKAGES = ("numpy", "scipy", "pycocoevalcap", "torch", "transformers")
_NO_FRAMES = "the system predicts no frames"
_NO_TEXT = "the system predicts no text"
_NO_REFERENCE_TEXT = "the references have no text"


@dataclass(frozen=True, slots=True)
class CrossModal:
    """A CLIP for the cross-modal metrics, and where pictures of frames come from beside `Reference.pictures`."""

    embedder: Embedder
    options: CrossModalOptions
    pictures: FramePictures


class Inputs(NamedTuple):
    """Where everything came from, for provenance: names (never paths of the machine) and SHA-256."""

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
    """Evaluate systems under one protocol. Every reference counts for every system; what is wrong is a `Problem`.

    `scorers`: for texts, None: no text metrics. `cross`: None: no cross-modal metrics. Raises ConfigError for no
    references or systems, a system named twice or named as a baseline, and JavaFailed.
    """
    if not systems:
        raise ConfigError("there is nothing to evaluate: name a file of predictions")
    names = [system.name for system in systems]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"two systems are called {twice!r}: give them names as NAME=PATH")
    if taken := set(names) & BASELINES:
        raise ConfigError(f"a system cannot be called {min(taken)!r}: that is a row for comparison")
    problems: list[Problem] = list(references.problems)
    rows: list[SystemValues] = []
    cases: dict[str, list[Case]] = {}
    with_text = scorers is not None and any(reference.texts for reference in references.items)
    units: dict[str, str] = {metric.name: metric.unit for metric in protocol.metrics}
    units |= TEXT_UNITS if with_text else {}
    units |= CROSS_UNITS if cross is not None else {}
    for system in systems:
        runs: list[list[VideoValues]] = []
        for number, predictions in enumerate(system.runs, start=1):
            matched = match(references.items, predictions.items)
            label = system.name if len(system.runs) == 1 else f"{system.name}, run {number}"
            values, refused = _measure(protocol, matched.pairs, scorers if with_text else None, cross)
            found = [*predictions.problems, *matched.problems, *refused]
            alone = len(systems) == 1 and len(system.runs) == 1
            problems += [
                problem if alone else problem.model_copy(update={"detail": f"{label}: {problem.detail}"})
                for problem in found
            ]
            runs.append(values)
            if number == 1:
                cases[system.name] = [Case(*pair, own) for pair, own in zip(matched.pairs, values, strict=True)]
        missing = {} if scorers is None or scorers.reason is None else dict.fromkeys(TEXT_METRICS, scorers.reason)
        metrics = summarize(units, runs, seed, corpus=CORPUS, missing=missing if with_text else {})
        rows.append(
            SystemValues(
                name=system.name, kind="system", metrics=metrics, videos=tuple(runs[0]), runs=len(runs), note=""
            )
        )
    if baselines:
        rows += _baselines(protocol, references.items, seed)
    return Evaluated(
        Evaluation(
            provenance=_provenance(protocol, inputs, scorers if with_text else None, cross, seed),
            systems=tuple(rows),
            problems=tuple(problems),
            counts=_counts(references, problems, len(systems)),
        ),
        cases,
    )


def failed_share(evaluation: Evaluation) -> float:
    """The largest share (0..1) of any system's videos whose prediction could not be scored and counted as worst."""
    systems = [row for row in evaluation.systems if row.kind == "system" and row.videos]
    return max((sum(v.failure is not None for v in row.videos) / len(row.videos) for row in systems), default=0.0)


def _measure(
    protocol: Protocol,
    pairs: Sequence[tuple[Reference, Prediction]],
    scorers: TextScorers | None,
    cross: CrossModal | None,
) -> tuple[list[VideoValues], list[Problem]]:
    """All metrics of one run, a row a pair, and the texts that could not be scored."""
    refused: list[Problem] = []
    frames = any(p.scores is not None or p.selected is not None for _, p in pairs)
    worded = any(p.text is not None for _, p in pairs)
    if frames:
        found = evaluate_videos(protocol, pairs)
    else:
        nothing: dict[str, float | None] = {metric.name: None for metric in protocol.metrics}
        why = {metric.name: _NO_FRAMES for metric in protocol.metrics}
        found = [VideoValues(id=r.id, values=nothing, undefined=why, failure=p.failure) for r, p in pairs]
    if scorers is not None:
        found, refused = _with_texts(found, pairs, scorers, worded)
    if cross is not None:
        stream = _with_pictures(pairs, cross)
        for i, measured in enumerate(cross_modal(stream, cross.embedder, cross.options)):
            found[i] = _joined(found[i], measured.values, measured.undefined)
    return found, refused


def _with_texts(
    found: list[VideoValues],
    pairs: Sequence[tuple[Reference, Prediction]],
    scorers: TextScorers,
    worded: bool,
) -> tuple[list[VideoValues], list[Problem]]:
    if not worded:
        why = dict.fromkeys(TEXT_METRICS, _NO_TEXT)
        return [_joined(one, dict.fromkeys(TEXT_METRICS), why) for one in found], []
    texts = [TextPair(r.id, None if p.failure is not None else p.text, r.texts) for r, p in pairs]
    scores = scorers.score(texts)
    place = {id_: row for row, id_ in enumerate(scores.scored)}
    made = []
    for one in found:
        values = {metric: scores.videos[metric][one.id] for metric in TEXT_METRICS}
        why = {metric: scores.undefined[one.id] for metric in TEXT_METRICS if one.id in scores.undefined}
        sums = {name: tuple(table[place[one.id]].tolist()) for name, table in scores.sums.items() if one.id in place}
        made.append(_joined(one, values, why).model_copy(update={"sums": sums}))
    refused = [
        Problem(id=id_, reason="unscorable_text", detail=why, counted="worst") for id_, why in scores.refused.items()
    ]
    return made, refused


def _joined(one: VideoValues, values: Mapping[str, float | None], undefined: Mapping[str, str]) -> VideoValues:
    return one.model_copy(update={"values": {**one.values, **values}, "undefined": {**one.undefined, **undefined}})


def _with_pictures(
    pairs: Sequence[tuple[Reference, Prediction]], cross: CrossModal
) -> Iterator[tuple[Reference, Prediction]]:
    for reference, prediction in pairs:
        yield with_pictures(reference, prediction, cross.pictures), prediction


def _baselines(protocol: Protocol, references: Sequence[Reference], seed: int) -> list[SystemValues]:
    rows = []
    units = {metric.name: metric.unit for metric in protocol.metrics}
    for one in all_baselines(protocol, references, draws=DRAWS, seed=seed):
        metrics = summarize(units, [one.videos], seed) if one.videos else ()
        rows.append(SystemValues(name=one.name, kind=one.kind, metrics=metrics, videos=one.videos, note=one.note))
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
    found = {}
    for name in ("v2xum-curator", *_PACKAGES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _counts(references: References, problems: Sequence[Problem], systems: int) -> dict[str, int]:
    return {
        "videos": len(references.items),
        "systems": systems,
        "references_left_out": len(references.problems),
        "counted_as_worst": sum(problem.counted == "worst" for problem in problems),
        "left_out": sum(problem.counted == "left_out" for problem in problems),
        "read_in_part": sum(problem.counted == "as_read" for problem in problems),
    }
