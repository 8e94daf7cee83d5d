"""Evaluations for tests of reports: real values of invented systems on videos of the demo's world, and hostile text."""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
from scipy import stats

from demo.render import draw
from demo.world import make_script
from evaluation.cases import Prediction, Reference
from evaluation.uncertainty.bootstrap import INTERVAL
from evaluation.uncertainty.metric_intervals import summarize
from schemas.documents.evaluation import Evaluation, Problem, Provenance, SystemKind, SystemValues, VideoValues

UNITS = {
    "f1": "fraction",
    "precision": "fraction",
    "recall": "fraction",
    "kendall_tau": "correlation",
    "spearman_rho": "correlation",
    "f_clip": "cosine",
    "CIDEr": "CIDEr",
}
WORST = {"kendall_tau": -1.0, "spearman_rho": -1.0}
HOSTILE = (
    '</style><script>alert("1")</script>\u202e\x00 & {{7*7}} | `x` $\\write18{ls}$ \ud800 100% #1 _a_ ^~ "q" '
    "'s' \u4e16\u754c -- [x](http://a.b) \n# heading"
)
RowSpec = tuple[str, SystemKind, float, int]  # name, kind, noise of its scores, seed


def reference(number: int, annotators: int = 5, pictures: bool = False) -> Reference:
    """A video of the demo's world with annotators who choose around its events."""
    script = make_script(70_000_000 + number)
    rng = np.random.default_rng(number)
    frames = script.duration
    base = np.zeros(frames)
    for _ in range(4):
        base += np.exp(-0.5 * ((np.arange(frames) - rng.uniform(0, frames)) / rng.uniform(2, 5)) ** 2)
    scores = np.clip(base + rng.normal(0, 0.25, (annotators, frames)), 0, None)
    chosen = scores >= np.quantile(scores, 0.85, axis=1, keepdims=True)
    shown = {}
    if pictures:
        for frame in np.flatnonzero(chosen.mean(axis=0) >= 0.4).tolist():
            store = io.BytesIO()
            draw(script, frame).save(store, "JPEG")
            shown[frame] = store.getvalue()
    text = " ".join(f"{script.captions[f]}." for f in np.flatnonzero(chosen[0])[:4].tolist())
    title = f"Demo video {number}: {script.captions[frames // 2]}"
    return Reference(
        f"video-{number:03d}", frames, scores=scores, selections=chosen, texts=(text,), title=title, pictures=shown
    )


def predict(truth: Reference, noise: float, seed: int) -> Prediction:
    """A prediction whose scores are the annotators' mean with noise."""
    assert truth.scores is not None
    rng = np.random.default_rng([seed, int(truth.id[-3:])])
    scores = truth.scores.mean(axis=0) + rng.normal(0, noise, truth.frames)
    chosen = np.zeros(truth.frames, bool)
    chosen[np.argsort(-scores)[: max(1, int(0.15 * truth.frames))]] = True
    return Prediction(
        truth.id, scores=scores, score_source="scores", selected=chosen, text="Something moves. " + truth.texts[0][:60]
    )


def values_of(truth: Reference, guess: Prediction) -> VideoValues:
    """The overlap with each annotator by its definition, and correlations by scipy."""
    assert truth.selections is not None and truth.scores is not None and guess.selected is not None
    both = (truth.selections & guess.selected).sum(axis=1)
    precision, recall = both / guess.selected.sum(), both / truth.selections.sum(axis=1)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    mean = truth.scores.mean(axis=0)
    values: dict[str, float | None] = {
        "f1": float(f1.mean()),
        "precision": float(precision.mean()),
        "recall": float(recall.mean()),
        "kendall_tau": float(stats.kendalltau(guess.scores, mean).statistic),
        "spearman_rho": float(stats.spearmanr(guess.scores, mean).statistic),
        "f_clip": float(0.7 + 0.3 * f1.mean()),
        "CIDEr": float(2 * f1.mean()),
    }
    return VideoValues(id=truth.id, values=values, score_source="scores")


ROWS: tuple[RowSpec, ...] = (
    ("V2Xum-LLaMA-7B", "system", 0.6, 1),
    ("Ours, token probabilities", "system", 0.25, 2),
    ("Selection only", "system", 1.2, 3),
    ("random", "random", 50.0, 4),
    ("human leave-one-out", "human", 0.35, 5),
    ("mean annotator", "oracle", 0.0, 6),
)


def provenance(**changes: Any) -> Provenance:
    """A provenance with all fields; `changes` replace fields."""
    fields: dict[str, Any] = {
        "protocol": "videoxum",
        "choices": {"share": 0.15, "overlap_over": "mean", "annotators": 5, "clip_clamp": False},
        "references": "demo world, test split",
        "references_sha256": "ab" * 32,
        "predictions": {"V2Xum-LLaMA-7B": "cd" * 32, "Ours, token probabilities": "ef" * 32},
        "splits": "test",
        "clip": "transformers-clip-vit-large-patch14-32bd64288804",
        "text_unit": "sentence",
        "interval": INTERVAL,
        "seed": 0,
        "software": {"python": "3.11", "numpy": np.__version__, "v2xum-curator": "0.1.0"},
    }
    return Provenance(**(fields | changes))


@functools.lru_cache(maxsize=8)
def references(videos: int) -> tuple[Reference, ...]:
    """So many references, of which the first six have pictures."""
    return tuple(reference(number, pictures=number < 6) for number in range(videos))


@functools.lru_cache(maxsize=32)
def systems(videos: int, rows: tuple[RowSpec, ...]) -> tuple[SystemValues, ...]:
    """Rows with their values; the first system failed on one video and is undefined on two."""
    made_rows = []
    for name, kind, noise, seed in rows:
        made = [values_of(one, predict(one, noise, seed)) for one in references(videos)]
        if seed == 1 and videos >= 5:
            worst = {metric: WORST.get(metric, 0.0) for metric in UNITS}
            made[3] = VideoValues(id=made[3].id, values=worst, failure="the output could not be parsed")
            for i in (1, 2):
                gone = {"kendall_tau": None, "spearman_rho": None}
                told = dict.fromkeys(gone, "constant scores")
                made[i] = made[i].model_copy(update={"values": made[i].values | gone, "undefined": told})
        metrics = summarize({**UNITS, "METEOR": "fraction"}, [made], 0, missing={"METEOR": "Java is missing"})
        note = "uniform scores, mean of 100 draws a video" if kind == "random" else ""
        made_rows.append(SystemValues(name=name, kind=kind, metrics=metrics, videos=tuple(made), note=note))
    return tuple(made_rows)


def evaluation(videos: int = 30, rows: tuple[RowSpec, ...] = ROWS, **changes: Any) -> Evaluation:
    """Systems, baselines and two problems."""
    problems = [
        Problem(id="video-003", reason="unparsable", detail="no sentence with times was found", counted="worst"),
        Problem(id="video-999", reason="unknown_video", detail="the references do not have it", counted="left_out"),
    ]
    counts = {"references": videos, "predictions": videos + 1}
    return Evaluation(
        provenance=provenance(**changes),
        systems=systems(videos, rows),
        problems=tuple(problems) if videos >= 5 else (),
        counts=counts,
    )


def hostile_evaluation() -> Evaluation:
    """An evaluation in which every text from an input is hostile."""
    text = HOSTILE.encode("utf-8", "replace").decode()
    made = evaluation(6, rows=((text, "system", 0.5, 1), (f"[b] {text}", "random", 9.0, 2)))
    return made.model_copy(
        update={
            "provenance": provenance(
                references=text, choices={text: text}, predictions={text: text}, clip=text, splits=text
            ),
            "problems": (Problem(id=text, reason=text, detail=text, counted="worst"),),
            "counts": {text: 1},
        }
    )
