"""Evaluations as tables of finished text, which Markdown, LaTeX and HTML share. Text is not escaped here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.documents.comparison import Comparison, MetricComparison
from schemas.documents.evaluation import Evaluation, MetricValue, SystemValues
from schemas.safe_text import plain_line

NONE = "–"
KINDS = {"random": "floor", "human": "people", "oracle": "ceiling"}
COUNTED = {"worst": "as worst", "left_out": "left out", "as_read": "as far as read"}
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
_CORPUS = {"BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR"}
_DIGITS = 3


class Cell(NamedTuple):
    """A value and its interval as text. `best`: of all systems, without baselines. `note`: why there is no value."""

    value: str
    interval: str
    best: bool
    note: str


class Row(NamedTuple):
    """The row of one system or baseline."""

    name: str
    kind: str
    cells: tuple[Cell, ...]


class Table(NamedTuple):
    """The table of one family of metrics. `headers`: label and unit of each metric."""

    title: str
    headers: tuple[tuple[str, str], ...]
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


def exclusions_of(evaluation: Evaluation) -> tuple[Exclusion, ...]:
    """Every reason for which a value is undefined with its number of videos, largest number first."""
    exclusions = [
        Exclusion(plain_line(row.name), label(metric.name), plain_line(reason), count)
        for row in evaluation.systems
        for metric in row.metrics
        for reason, count in metric.undefined.items()
    ]
    return tuple(sorted(exclusions, key=lambda exclusion: -exclusion.videos))


def caption(evaluation: Evaluation) -> str:
    """The text below a table: protocol, data, videos, intervals, exclusions and failures."""
    made = evaluation.provenance
    names = {metric.name for row in evaluation.systems for metric in row.metrics}
    corpus = ", BLEU and METEOR of the whole corpus" if names & _CORPUS else ""
    videos = max((len(row.videos) for row in evaluation.systems), default=0)
    parts = [
        f"Protocol {plain_line(made.protocol)} on {plain_line(made.references)}, {videos:,} videos.",
        f"Means over videos{corpus}; in brackets: {plain_line(made.interval)}.",
    ]
    runs = [f"{plain_line(row.name)}: {row.runs}" for row in evaluation.systems if row.runs > 1]
    if runs:
        parts.append(f"Means over several runs ({', '.join(runs)}), whose spread the intervals include.")
    parts += [f"{plain_line(row.name)}: {plain_line(row.note)}." for row in evaluation.systems if row.note]
    counted = Counter(problem.counted for problem in evaluation.problems)
    failures = f"Predictions counted as worst: {counted['worst']:,}; left out: {counted['left_out']:,}"
    parts.append(failures + (f"; read in part: {counted['as_read']:,}." if counted["as_read"] else "."))
    if missing := _missing(evaluation.systems):
        parts.append(f"No value: {missing}.")
    undefined = _undefined(evaluation.systems)
    parts.append(f"Videos without a value: {undefined}." if undefined else "No value is undefined.")
    if made.clip:
        parts.append(f"CLIP {plain_line(made.clip)}" + (f", one vector a {made.text_unit}." if made.text_unit else "."))
    return " ".join(parts)


def comparison_caption(comparison: Comparison) -> str:
    """The text below a table of differences."""
    c = comparison
    text = (
        f"{plain_line(c.second)} minus {plain_line(c.first)}: protocol {plain_line(c.protocol)} on "
        f"{plain_line(c.references)}, {c.videos:,} common videos. Intervals: paired, {plain_line(c.interval)}, not "
        f"adjusted. Test: {plain_line(c.test)}. In every metric more is better; wins are videos where "
        f"{plain_line(c.second)} is better."
    )
    reasons: dict[str, list[str]] = {}
    for metric in c.metrics:
        if metric.reason is not None:
            reasons.setdefault(plain_line(metric.reason), []).append(label(metric.name))
    if reasons:
        text += " No value: " + "; ".join(f"{', '.join(names)}, {why}" for why, names in reasons.items()) + "."
    if c.only_first or c.only_second:
        text += f" Not compared: {c.only_first:,} videos only in the first, {c.only_second:,} only in the second."
    return text


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
    systems = [have for row, have in zip(rows, metrics, strict=True) if row.kind == "system"]
    best = {
        name: max((number(have[name].value) for have in systems if name in have and have[name].value is not None),
                  key=float, default="")
        for name in names
    }  # fmt: skip
    made = [
        Row(
            plain_line(row.name),
            row.kind,
            tuple(_cell(have.get(n), row.kind == "system" and len(systems) > 1, best[n]) for n in names),
        )
        for row, have in zip(rows, metrics, strict=True)
    ]
    return Table(
        title,
        tuple(
            (label(name), plain_line(unit) if unit != label(name) else "")
            for name, unit in zip(names, units, strict=True)
        ),
        tuple(row for row in made if row.kind == "system"),
        # A baseline appears only in tables of metrics that it has; the caption says why it is missing elsewhere.
        tuple(row for row in made if row.kind != "system" and any(cell.value != NONE for cell in row.cells)),
    )


def _cell(metric: MetricValue | None, ranked: bool, best: str) -> Cell:
    if metric is None or metric.value is None:
        return Cell(NONE, "", False, plain_line(metric.reason or "") if metric else "")
    value = number(metric.value)
    interval = f"[{number(metric.low)}, {number(metric.high)}]" if metric.low is not None else ""
    return Cell(value, interval, ranked and value == best, "")


def _missing(rows: Sequence[SystemValues]) -> str:
    """The metrics without any value by reason; a system is named where others do have a value or another reason."""
    lacking: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        for metric in row.metrics:
            if metric.reason is not None:
                why = next(iter(metric.undefined)) if len(metric.undefined) == 1 else metric.reason
                lacking.setdefault(plain_line(row.name), {}).setdefault(plain_line(why), []).append(label(metric.name))
    systems = {plain_line(row.name) for row in rows if row.kind == "system"}
    alike = lacking.keys() == systems and len({str(found) for found in lacking.values()}) == 1
    texts = []
    for name, found in list(lacking.items())[: 1 if alike else None]:
        said = "; ".join(f"{', '.join(labels)}, {why}" for why, labels in found.items())
        texts.append(said if alike else f"{name}: {said}")
    return "; ".join(texts)


def _undefined(rows: Sequence[SystemValues]) -> str:
    """The reasons for undefined values, each with the largest number of videos in any metric of any system."""
    most: dict[str, int] = {}
    for row in rows:
        for metric in row.metrics:
            for reason, count in metric.undefined.items():
                most[plain_line(reason)] = max(most.get(plain_line(reason), 0), count)
    shown = sorted(most.items(), key=lambda item: (-item[1], item[0]))
    text = "; ".join(f"{reason} (up to {count:,} a metric)" for reason, count in shown[:6])
    return text + (f"; and {len(shown) - 6} more reasons" if len(shown) > 6 else "")
