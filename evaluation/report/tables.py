"""Evaluations as tables of finished text, which Markdown, LaTeX and HTML share. Text is not escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evaluation.uncertainty.metric_intervals import IN_SOME_RUNS
from schemas.documents.comparison import MetricComparison
from schemas.documents.evaluation import Evaluation, MetricValue, Problem, SystemValues
from schemas.safe_text import plain_line

NONE = "–"
KINDS = {
    "untrained": "before training",
    "zero-shot": "no head",
    "uniform": "equal distances",
    "random": "floor",
    "human": "people",
    "models": "models",
    "oracle": "ceiling",
}
COUNTED = {"worst": "as worst", "as_read": "as far as read", "left_out": "left out"}
_LABELS = {
    "f1": "F1",
    "precision": "Precision",
    "recall": "Recall",
    "kendall_tau": "Kendall τ",
    "spearman_rho": "Spearman ρ",
    "ROUGE_L": "ROUGE-L",
    "f_clip": "F_CLIP",
    "cross_f_clip": "Cross-F_CLIP",
    "vt_clipscore": "VT-CLIPScore",
}
_FAMILIES = {
    "Frames": ("f1", "precision", "recall", "kendall_tau", "spearman_rho"),
    "Text": ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE_L", "CIDEr"),
    "Frames and text": ("f_clip", "cross_f_clip", "vt_clipscore"),
}
_OTHER = "Other"
_DIGITS = 3


class Cell(NamedTuple):
    """A value and its interval as text. `best`: of all systems, without baselines. `note`: why there is no value.

    `videos`: the number of videos that have a value (`n=9`), where it is not the same in the whole column.
    """

    value: str
    interval: str
    best: bool
    note: str
    videos: str


class Row(NamedTuple):
    """The row of one system or baseline."""

    name: str
    kind: str
    cells: tuple[Cell, ...]


class Table(NamedTuple):
    """The table of one family of metrics. `headers`: label, unit and number of videos of each metric.

    The number of videos (`n=12`) is empty where it differs between the rows.
    """

    title: str
    headers: tuple[tuple[str, str, str], ...]
    systems: tuple[Row, ...]
    baselines: tuple[Row, ...]


class Exclusion(NamedTuple):
    """How many videos of a system have no value of a metric, and why."""

    system: str
    metric: str
    reason: str
    videos: int


def label(name: str) -> str:
    """A metric's name as papers write it."""
    return _LABELS.get(name, plain_line(name))


def number(value: float | None, digits: int = _DIGITS) -> str:
    """A value as tables show it; a dash for None."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def minus(text: str) -> str:
    """A finished number with a true minus sign, for pages."""
    return text.replace("-", "\u2212")


def signed(value: float | None) -> str:
    """A difference as tables show it, with its sign."""
    text = number(value)
    return text if value is None or text.startswith("-") else f"+{text}"


def probability(value: float | None) -> str:
    """A p value as tables show it; values below 0.001 as `<0.001`."""
    return NONE if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def tables_of(evaluation: Evaluation) -> tuple[Table, ...]:
    """One table for each family of metrics, with systems and baselines apart, in the order of the document."""
    names = list(dict.fromkeys(metric.name for row in evaluation.systems for metric in row.metrics))
    groups = {title: [n for n in members if n in names] for title, members in _FAMILIES.items()}
    groups[_OTHER] = [n for n in names if not any(n in members for members in _FAMILIES.values())]
    return tuple(_table(title, group, evaluation.systems) for title, group in groups.items() if group)


def problems_of(evaluation: Evaluation) -> list[Problem]:
    """All problems: those that lower a value first, then what was read in part, then what was left out."""
    order = list(COUNTED)
    return sorted(evaluation.problems, key=lambda problem: order.index(problem.counted))


def exclusions_of(evaluation: Evaluation) -> tuple[Exclusion, ...]:
    """Every reason for which a value is undefined with its number of videos, largest number first."""
    exclusions = [
        Exclusion(plain_line(row.name), label(metric.name), plain_line(reason), count)
        for row in evaluation.systems
        for metric in row.metrics
        for reason, count in metric.undefined.items()
    ]
    return tuple(sorted(exclusions, key=lambda exclusion: -exclusion.videos))


def comparison_rows(metrics: Iterable[MetricComparison]) -> list[list[str]]:
    """Metric, first, second, difference, interval, p, p by Holm, wins / ties / losses, videos.

    The reasons of missing values are in the caption: they are sentences, which no column has room for.
    """
    return [
        [
            label(metric.name),
            number(metric.first),
            number(metric.second),
            signed(metric.difference),
            f"[{signed(metric.low)}, {signed(metric.high)}]" if metric.low is not None else NONE,
            probability(metric.p),
            probability(metric.p_holm),
            f"{metric.wins} / {metric.ties} / {metric.losses}" if metric.reason is None else NONE,
            f"{metric.videos:,}",
        ]
        for metric in metrics
    ]


COMPARISON_HEADERS = (
    "Metric",
    "First",
    "Second",
    "Difference",
    "95 % interval",
    "p",
    "p (Holm)",
    "Wins / ties / losses",
    "Videos",
)


def _table(title: str, names: Sequence[str], rows: Sequence[SystemValues]) -> Table:
    metrics = [{metric.name: metric for metric in row.metrics} for row in rows]
    units = [next(have[name].unit for have in metrics if name in have) for name in names]
    best = {name: _best(name, rows) for name in names}
    counts = {
        name: {have[name].videos for have in metrics if name in have and have[name].value is not None} for name in names
    }
    made = [
        Row(
            plain_line(row.name),
            row.kind,
            tuple(_cell(have.get(n), best[n] if row.kind == "system" else "", len(counts[n]) > 1) for n in names),
        )
        for row, have in zip(rows, metrics, strict=True)
    ]
    return Table(
        title,
        tuple(
            (
                label(name),
                plain_line(unit) if unit != label(name) else "",
                f"n={next(iter(counts[name])):,}" if len(counts[name]) == 1 else "",
            )
            for name, unit in zip(names, units, strict=True)
        ),
        tuple(row for row in made if row.kind == "system"),
        # A baseline appears only in tables of metrics that it has; the caption says why it is missing elsewhere.
        tuple(row for row in made if row.kind != "system" and any(cell.value != NONE for cell in row.cells)),
    )


def _best(name: str, rows: Sequence[SystemValues]) -> str:
    """The highest value of several systems as text; empty where they cannot be ranked (`_ranked`)."""
    systems = _with_value(name, rows)
    if len(systems) < 2 or not _ranked(name, systems):
        return ""
    return max((number(metric.value) for row in systems for metric in row.metrics if metric.name == name), key=float)


def _with_value(name: str, rows: Sequence[SystemValues]) -> list[SystemValues]:
    return [
        row for row in rows if row.kind == "system" and any(m.name == name and m.value is not None for m in row.metrics)
    ]


def _ranked(name: str, systems: Sequence[SystemValues]) -> bool:
    """Whether all systems have a value of the metric for the same videos; else the highest mean says nothing."""
    partly = any(
        reason.startswith(IN_SOME_RUNS)
        for row in systems
        for m in row.metrics
        if m.name == name
        for reason in m.undefined
    )
    videos = {
        frozenset(v.id for v in row.videos if v.values.get(name) is not None or name in v.sums) for row in systems
    }
    return len(videos) <= 1 and not partly


def unranked(rows: Sequence[SystemValues]) -> list[str]:
    """The metrics for which several systems have values, but for different videos."""
    names = list(dict.fromkeys(metric.name for row in rows for metric in row.metrics))
    return [name for name in names if not _ranked(name, _with_value(name, rows))]


def _cell(metric: MetricValue | None, best: str, counted: bool) -> Cell:
    if metric is None or metric.value is None:
        return Cell(NONE, "", False, plain_line(metric.reason or "") if metric else "", "")
    value = number(metric.value)
    interval = f"[{number(metric.low)}, {number(metric.high)}]" if metric.low is not None else ""
    return Cell(value, interval, value == best, "", f"n={metric.videos:,}" if counted else "")
