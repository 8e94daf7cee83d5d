"""The card of a trained model: what it learned from, how, how good it is, under which licence, and all hashes."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from curation.dataset.licences import spdx_licence
from curation.release.card.drawing import curves
from curation.store.files import hash_file, write_whole
from models.summarizers.checkpoint import ADAPTER
from pages.markdown import Markdown
from pages.templates import load_markdown_template
from schemas.documents.evaluation import Evaluation, MetricValue
from training.fit import FitResult
from training.run import Training

_PACKAGES = ("torch", "transformers", "accelerate", "peft", "trl", "numpy")


def write_card(training: Training, result: FitResult, evaluation: Evaluation) -> None:
    """Write README.md and loss.png into the model's folder."""
    folder, data = result.model, training.release
    plot = {"training": result.losses, "validation": result.validation}
    write_whole(folder / "loss.png", curves("Loss", "step", "loss", {k: v for k, v in plot.items() if v}))
    header = {
        "library_name": "peft" if (folder / ADAPTER).is_file() else "transformers",
        **_below(folder),
        "tags": ["video-summarization", training.config.summarizer.kind],
        **({"license": spdx_licence(data.licence)} if data.licence else {}),
    }
    metrics = [metric.name for metric in evaluation.systems[0].metrics]
    rows = [
        (row.name, [_cell({metric.name: metric for metric in row.metrics}.get(name)) for name in metrics])
        for row in evaluation.systems
        if row.metrics  # a release has one annotator, so there is no row of people against each other
    ]
    weights = {
        path.name: hash_file(path)[0] for path in sorted(folder.iterdir()) if path.suffix in (".safetensors", ".json")
    }
    text = load_markdown_template("training/card.md.j2", {}).render(
        header=Markdown(f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n"),
        name=training.config.name,
        kind=training.config.summarizer.kind,
        split=training.config.evaluation.split,
        data=data,
        counts={name: len(getattr(training, name)) for name in ("train", "validation", "test")},
        sources=training.sources,
        about=training.about,
        configuration=Markdown(yaml.safe_dump(training.config.model_dump(mode="json"), sort_keys=False)),
        result=result,
        metrics=metrics,
        rows=rows,
        evaluation=evaluation,
        weights=weights,
        software={name: _version(name) for name in _PACKAGES},
    )
    write_whole(folder / "README.md", text)


def _below(folder: Path) -> dict[str, str]:
    """The model of the Hub to which an adapter belongs; none where it is a folder of this machine."""
    if not (folder / ADAPTER).is_file():
        return {}
    name = str(json.loads((folder / ADAPTER).read_text(encoding="utf-8"))["base_model_name_or_path"])
    return {} if Path(name).is_absolute() else {"base_model": name}


def _cell(metric: MetricValue | None) -> str:
    if metric is None or metric.value is None:
        return "none"
    between = "" if metric.low is None or metric.high is None else f" ({metric.low:.3f} to {metric.high:.3f})"
    return f"{metric.value:.3f}{between}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
