"""The figures of the protocol study: what the choice of a protocol does to numbers on TVSum and SumMe.

Every figure is made by the public functions that also evaluate systems. `study_figures` needs a folder with

    tvsum/ydata-tvsum50.mat, tvsum/video_names.json, tvsum/**/*.h5, tvsum/dsnet_labels/*.json
    summe/GT/*.mat, summe/video_names.json, summe/**/*.h5
    splits/*

Only the annotations (the .mat files) are required. Shots by kernel temporal segmentation come from result files that
have `shot_lengths`; without such files the figures that need these shots are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluation.baselines import leave_one_out, oracle, random_floor
from evaluation.cases import Flags, Prediction, Reference
from evaluation.metrics.overlap import Over, over_annotators, overlap
from evaluation.metrics.ranks import kendall, rank_correlations
from evaluation.metrics.selection import uniform_shots, upstream_threshold
from evaluation.metrics.video import evaluate_videos
from evaluation.protocols import Protocol, get
from evaluation.readers.folds import check_splits, read_splits
from evaluation.readers.published_results import Published, names_in, read_all_results
from evaluation.readers.summe import read_annotations, read_shots, read_summe
from evaluation.readers.tvsum import read_summaries, read_tvsum
from schemas.documents.evaluation import VideoValues

UNIFORM = (60, 75, 100, 120, 150)  # frames of a uniform shot: 2 to 6 seconds
_UNIFORM_SHOWN = 100
_BATCHES = 10
RANKS = (("tau", "kendall_tau"), ("rho", "spearman_rho"))


def study_figures(groundtruth: Path, *, draws: int = 1000, seed: int = 0) -> dict[str, float]:
    """All figures by name, not rounded: correlations, F1 times 100, and counts.

    `draws`: draws of random scores for each video under SumMe's knapsack protocol; the other protocols need fewer. A
    figure that depends on random draws has a second entry `..._error`, its standard error. Raises ConfigError where
    annotations are missing or broken.
    """
    figures = _tvsum(groundtruth / "tvsum", seed)
    figures |= _summe(groundtruth / "summe", draws, seed)
    figures |= _upstream(seed)
    for path in sorted((groundtruth / "splits").glob("*")):
        figures |= _splits(path)
    return figures


def _tvsum(folder: Path, seed: int) -> dict[str, float]:
    protocol = get("tvsum/per-annotator")
    labels = {path.stem: read_summaries(path) for path in sorted(folder.glob("dsnet_labels/*.json"))}
    references = read_tvsum(folder / "ydata-tvsum50.mat", summaries=labels)
    figures = {"tvsum_videos": float(len(references))}
    figures |= _ranks("tvsum_human", leave_one_out(protocol, references).videos)
    figures |= _ranks("tvsum_oracle", oracle(protocol, references).videos)
    figures |= _floor("tvsum_random", protocol, references, 20, seed)
    published = _published(folder, "sumind")
    if published:
        figures |= _ranks("tvsum_sumind", _system(protocol, references, published))
        chosen = {name: labels[name] for name in labels if name in published}
        if chosen:
            figures["sumind_tvsum_f1_max_error"] = _f1_error(published, chosen, "mean")
    return figures


def _summe(folder: Path, draws: int, seed: int) -> dict[str, float]:
    shots = read_shots(folder)
    references = read_summe(folder, shots)
    binary, score, each = (get(f"summe/{name}") for name in ("binary-vs-mean", "score-vs-mean", "per-annotator"))
    figures = {"summe_videos": float(len(references)), "summe_videos_with_kts_shots": float(len(shots))}
    figures |= _segment_ids(folder)
    people = leave_one_out(each, references).videos
    figures |= _ranks("summe_binarised", people)
    figures["summe_f1_human_max"] = 100 * _mean(people, "f1")
    mean_f1 = leave_one_out(get("summe/per-annotator+mean-f1"), references).videos
    figures["summe_f1_human_mean"] = 100 * _mean(mean_f1, "f1")
    figures |= _ranks("summe_human_loo", leave_one_out(binary, references).videos)
    figures |= _ranks("summe_human_loo_grid", leave_one_out(score, references).videos)
    figures |= _floor("summe_random_score_vs_mean", score, [_without_shots(r) for r in references], 100, seed)
    figures |= _floor("summe_random_per_annotator", each, [_without_shots(r) for r in references], 100, seed)
    if len(shots) == len(references):
        figures |= _floor("summe_random", binary, references, draws, seed, f1="summe_f1_random_max")
        figures |= _ranks("summe_oracle", oracle(binary, references).videos)
        figures |= _shots_alone(binary, references)
    by_length = {length: _uniform(binary, references, length, draws // 5, seed) for length in UNIFORM}
    figures |= by_length[_UNIFORM_SHOWN]
    for rank, _ in RANKS:
        values = [some[f"summe_random_uniform_{rank}"] for some in by_length.values()]
        figures[f"summe_random_uniform_{rank}_low"], figures[f"summe_random_uniform_{rank}_high"] = (
            min(values),
            max(values),
        )
    chosen = {r.id: r.full.selections for r in references if r.full is not None and r.full.selections is not None}
    for system in ("sumind", "csnet", "sum-gan-aae"):
        if not (published := _published(folder, system)):
            continue
        slug = system.replace("-", "")
        figures[f"{slug}_f1_max_error"] = _f1_error(published, chosen, "max")
        figures |= _ranks(f"summe_{slug}_score_vs_mean", _system(score, references, published))
        figures |= _ranks(f"summe_{slug}_per_annotator", _system(each, references, published))
        figures |= _summary_ranks(f"summe_{slug}", published, chosen)
    return figures


def _shots_alone(protocol: Protocol, references: Sequence[Reference]) -> dict[str, float]:
    """What the shots alone give, without any scores.

    With equal scores the knapsack takes as many shots as fit, which are the shortest. `shortness`: tau of the shortness
    of each frame's shot against the mean of the annotators.
    """
    equal = [(r, Prediction(r.id, scores=np.ones(r.frames))) for r in references]
    figures = evaluate_videos(protocol, equal)
    short = []
    for full in (r.full for r in references):
        if full is not None and full.selections is not None:
            lengths = full.shots[:, 1] - full.shots[:, 0] + 1
            short.append(kendall(-np.repeat(lengths, lengths), full.selections.mean(axis=0)[None])[0])
    return {
        **_ranks("summe_equal_scores", figures),
        "summe_f1_equal_scores_max": 100 * _mean(figures, "f1"),
        "summe_shot_shortness_tau": float(np.mean(short)),
    }


def _segment_ids(folder: Path) -> dict[str, float]:
    """The result of ranking the numbers of segments like scores, which gives the published human row."""
    values = []
    for path in sorted((folder / "GT").glob("*.mat")):
        segments = read_annotations(path).segments
        pairs = rank_correlations(segments, segments[None])
        others = ~np.eye(len(segments), dtype=bool)
        values.append([np.nanmean(part[others]) for part in pairs])
    tau, rho = np.mean(values, axis=0)
    return {"summe_segment_ids_tau": float(tau), "summe_segment_ids_rho": float(rho)}


def _uniform(
    protocol: Protocol, references: Sequence[Reference], length: int, draws: int, seed: int
) -> dict[str, float]:
    cut = [
        replace(r, full=replace(r.full, shots=uniform_shots(r.full.frames, length)))
        for r in references
        if r.full is not None
    ]
    return _floor("summe_random_uniform", protocol, cut, max(draws, _BATCHES), seed)


def _without_shots(reference: Reference) -> Reference:
    """The reference without shots, for figures that need only ranks of scores: the knapsack is most of the work."""
    if reference.full is None:
        return reference
    return replace(reference, full=replace(reference.full, shots=np.zeros((0, 2), np.int64)))


def _floor(
    name: str, protocol: Protocol, references: Sequence[Reference], draws: int, seed: int, f1: str | None = None
) -> dict[str, float]:
    """Random scores in batches, which give the standard error."""
    each = max(1, draws // _BATCHES)
    batches = [random_floor(protocol, references, draws=each, seed=seed + i).videos for i in range(_BATCHES)]
    wanted = [(f"{name}_{rank}", metric, 1.0) for rank, metric in RANKS]
    if f1 is not None:
        wanted.append((f1, "f1", 100.0))
    figures = {}
    for key, metric, times in wanted:
        values = [times * _mean(videos, metric) for videos in batches]
        figures[key] = float(np.mean(values))
        figures[f"{key}_error"] = float(np.std(values, ddof=1) / np.sqrt(_BATCHES))
    return figures


def _published(folder: Path, system: str) -> dict[str, Published]:
    """A system's results by id, from all files below the folder that have its name in their path."""
    paths = [p for p in sorted(folder.rglob("*.h5")) if system in str(p.relative_to(folder))]
    return read_all_results(paths, names_in((folder,)))


def _system(protocol: Protocol, references: Sequence[Reference], published: dict[str, Published]) -> list[VideoValues]:
    lacking = "no published result"
    predictions = [
        published[r.id].prediction if r.id in published else Prediction(r.id, failure=lacking) for r in references
    ]
    return evaluate_videos(protocol, list(zip(references, predictions, strict=True)))


def _f1_error(published: dict[str, Published], chosen: dict[str, Flags], over: Over) -> float:
    """The largest difference between this project's F1 of a published summary and the stored F1, as fractions."""
    errors = []
    for name in published.keys() & chosen.keys():
        ours = over_annotators(overlap(published[name].summary[None], chosen[name][None]), over)
        errors.append(abs(float(ours.f1[0]) - published[name].f1))
    return max(errors)


def _summary_ranks(name: str, published: dict[str, Published], chosen: dict[str, Flags]) -> dict[str, float]:
    """Ranks of a system's own published summaries against the annotators' mean, as in summe/binary-vs-mean."""
    pairs = [rank_correlations(p.summary[None], chosen[v].mean(axis=0)[None, None]) for v, p in published.items()]
    means = [float(np.mean([pair[i] for pair in pairs])) for i in range(2)]
    return {f"{name}_binary_vs_mean_tau": means[0], f"{name}_binary_vs_mean_rho": means[1]}


def _upstream(seed: int) -> dict[str, float]:
    """The share of frames, in percent, that VideoXum's code selects from random scores: mean and standard deviation."""
    shares = 100 * upstream_threshold(np.random.default_rng(seed).random((4000, 200))).mean(axis=1)
    return {
        "videoxum_upstream_selected_mean": float(shares.mean()),
        "videoxum_upstream_selected_sd": float(shares.std()),
    }


def _splits(path: Path) -> dict[str, float]:
    """How many videos of a published split are never tested, and how many are tested in several folds."""
    videos = [f"video_{i}" for i in range(1, 51 if "tvsum" in path.name.lower() else 26)]
    checked = check_splits(read_splits(path), videos)
    name = path.stem.lower()
    return {
        f"splits_{name}_never_tested": float(len(checked.never_tested)),
        f"splits_{name}_tested_often": float(len(checked.tested_often)),
    }


def _ranks(name: str, videos: Iterable[VideoValues]) -> dict[str, float]:
    values = list(videos)
    return {f"{name}_{rank}": _mean(values, metric) for rank, metric in RANKS}


def _mean(videos: Iterable[VideoValues], metric: str) -> float:
    return float(np.mean([v.values[metric] for v in videos if v.values[metric] is not None]))
