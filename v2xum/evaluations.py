"""`v2xum.evaluate`: scores of summaries against references, as the command `v2xum evaluate` computes them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.documents.evaluation import Evaluation
from schemas.errors import ConfigError
from v2xum.arguments import AnyPath, path_of, section_of
from v2xum.displays import html
from v2xum.tables import Kind, table

if TYPE_CHECKING:
    import pandas as pd

Predictions = AnyPath | Sequence[Mapping[str, Any]]
_METRICS: dict[str, Kind] = {
    "system": "string",
    "kind": "category",
    "metric": "string",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "videos": "Int64",
    "unit": "category",
    "reason": "string",
}
_VIDEOS: dict[str, Kind] = {"system": "string", "video": "string", "metric": "string", "value": "float64"}
_VIDEOS |= {"reason": "string"}


class EvaluationResult:
    """The result of an evaluation. `document` is everything; `page` is report.html, None where no folder was named."""

    def __init__(self, document: Evaluation, page: Path | None) -> None:
        """Keep the document and the path of the page."""
        self.document = document
        self.page = page

    def to_pandas(self) -> pd.DataFrame:
        """One row a system and metric: its value and the ends of its 95 % interval in `unit`, NaN where there is none.

        `kind` tells systems from the rows for comparison (random, human, oracle); `videos` is how many have a value;
        `reason` says why there is no value at all.
        """
        return table(
            _METRICS,
            (
                {"system": system.name, "kind": system.kind, "metric": metric.name}
                | metric.model_dump(include={"value", "low", "high", "videos", "unit", "reason"})
                for system in self.document.systems
                for metric in system.metrics
            ),
        )

    def videos(self) -> pd.DataFrame:
        """One row a system, video and metric, of each system's first run: the value, or why there is none."""
        return table(
            _VIDEOS,
            (
                {
                    "system": system.name,
                    "video": video.id,
                    "metric": metric,
                    "value": value,
                    "reason": video.failure or video.as_worst.get(metric) or video.undefined.get(metric),
                }
                for system in self.document.systems
                for video in system.videos
                for metric, value in video.values.items()
            ),
        )

    def __repr__(self) -> str:
        """The protocol and the systems."""
        names = ", ".join(system.name for system in self.document.systems)
        return f"EvaluationResult({self.document.provenance.protocol}: {names})"

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(metric.name for system in self.document.systems for metric in system.metrics))
        rows = [(one.name, {metric.name: metric for metric in one.metrics}) for one in self.document.systems]
        return html("evaluation", names=names, rows=rows, provenance=self.document.provenance)


def evaluate(
    predictions: Mapping[str, Predictions] | AnyPath,
    references: AnyPath | Sequence[AnyPath],
    *,
    protocol: str | None = None,
    split: str | Sequence[str] = (),
    splits: str | None = None,
    fold: int | None = None,
    clip: str | None = None,
    pictures: AnyPath | None = None,
    text: bool = True,
    seed: int = 0,
    out: AnyPath | None = None,
) -> EvaluationResult:
    """Score summaries against references, with 95 % intervals, beside random, human and oracle scores.

    `predictions` is `{name: path}`, `{name: records}` with the records of a file of predictions
    (`{"id": ..., "text": "[09]A red circle appears."}`), or the path of one system. `references` is a release, a
    workspace, or the files of a dataset that docs/guides/evaluating.md names. `protocol` decides what the numbers mean;
    by default it is that of the references. `split` keeps videos of these splits; `splits` and `fold` those of
    published folds. `clip` switches on the cross-modal metrics, which need `pictures` unless the references have them.
    `text` metrics need Java (extra `text`). `out` is a folder for evaluation.json, .md, .tex and report.html; without
    it nothing is left on the disk. Prediction files and folders must not have `=` in the system's name.

    Raises ConfigError for an input that cannot be used, and where no metric of any system has a value. What is wrong
    with a single video counts as the protocol says and is a problem in `document.problems`.
    """
    from evaluation.report.write import PageFailed  # these import numpy and scipy
    from evaluation.request import EvaluateRequest, evaluate_here

    named = predictions if isinstance(predictions, Mapping) else {"": predictions}
    files = [references] if isinstance(references, str | Path) else list(references)
    with tempfile.TemporaryDirectory(prefix="v2xum-") as scratch:
        request = section_of(
            EvaluateRequest,
            predictions=[_argument(name, given, Path(scratch)) for name, given in named.items()],
            references=[path_of(path) for path in files],
            protocol=protocol,
            split=[split] if isinstance(split, str) else list(split),
            splits=splits,
            fold=fold,
            out=path_of(out) if out is not None else Path(scratch) / "evaluation",
            clip=clip,
            pictures=path_of(pictures) if pictures is not None else None,
            text=text,
            seed=seed,
        )
        try:
            evaluated, page = evaluate_here(request)
        except PageFailed as error:
            raise ConfigError(f"{error}; the numbers are in {request.out}") from error
    return EvaluationResult(evaluated.evaluation, page if out is not None else None)


def _argument(name: str, given: Predictions, folder: Path) -> str:
    """NAME=PATH as the command line takes it; records are written to a file first."""
    if "=" in name or "/" in name or len(name) > 60:
        raise ConfigError(f"{name!r}: a system's name has at most 60 characters, and neither = nor /")
    if isinstance(given, str | Path):
        return f"{name}={path_of(given)}" if name else str(path_of(given))
    folder = folder / f"{len(list(folder.iterdir()))}"
    folder.mkdir()
    path = folder / f"{name or 'predictions'}.jsonl"
    try:
        lines = [json.dumps(dict(record), ensure_ascii=False) for record in given]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: a prediction is a mapping that JSON can hold: {error}") from error
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"{name}={path}" if name else str(path)
