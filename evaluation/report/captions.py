"""The texts below tables of results and of differences: what the numbers are, and which are missing and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from evaluation.counted import failed_predictions
from evaluation.report.tables import label, unranked
from schemas.documents.comparison import Comparison
from schemas.documents.evaluation import Evaluation, SystemValues
from schemas.safe_text import plain_line

_CORPUS = {"BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR"}


def caption(evaluation: Evaluation) -> str:
    """The text below a table: protocol, data, videos, intervals, exclusions and failures."""
    made = evaluation.provenance
    names = {metric.name for row in evaluation.systems for metric in row.metrics}
    corpus = ", BLEU and METEOR of the whole corpus" if names & _CORPUS else ""
    videos = max((len(row.videos) for row in evaluation.systems), default=0)
    parts = [
        f"Protocol {plain_line(made.protocol)} on {plain_line(made.references)}, {videos:,} videos.",
        f"Means over videos{corpus}; in brackets: {plain_line(made.interval)}; n: videos with a value.",
    ]
    if apart := unranked(evaluation.systems):
        parts.append(f"Not ranked, because systems have values for different videos: {', '.join(map(label, apart))}.")
    runs = [f"{plain_line(row.name)}: {row.runs}" for row in evaluation.systems if row.runs > 1]
    if runs:
        parts.append(f"Means over several runs ({', '.join(runs)}), whose spread the intervals include.")
    parts += [f"{plain_line(row.name)}: {plain_line(row.note)}." for row in evaluation.systems if row.note]
    counted = Counter(problem.counted for problem in evaluation.problems)
    failures = f"Predictions counted as worst: {failed_predictions(evaluation):,}; left out: {counted['left_out']:,}"
    parts.append(failures + (f"; read in part: {counted['as_read']:,}." if counted["as_read"] else "."))
    missing, undefined = _missing(evaluation.systems), _undefined(evaluation.systems)
    if missing:
        parts.append(f"No value: {missing}.")
    if undefined:
        parts.append(f"Videos without a value: {undefined}.")
    if not missing and not undefined:
        parts.append("No value is undefined.")
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


def _missing(rows: Sequence[SystemValues]) -> str:
    """The metrics without any value by reason; a row is named where systems differ."""
    lacking: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        for metric in row.metrics:
            if metric.reason is not None:
                why = next(iter(metric.undefined)) if len(metric.undefined) == 1 else metric.reason
                lacking.setdefault(plain_line(row.name), {}).setdefault(plain_line(why), []).append(label(metric.name))
    systems = {plain_line(row.name) for row in rows if row.kind == "system"}
    alike = lacking.keys() >= systems and len({str(found) for found in lacking.values()}) == 1
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
