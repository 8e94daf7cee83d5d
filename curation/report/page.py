"""Renders the report: one HTML file that loads nothing from a network and runs only its own script."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from datetime import datetime

from jinja2 import Template

from curation.report.findings import PUBLISHED_RATIO
from curation.report.overview import Overview
from curation.report.video_cards import Card
from pages.plots import Plot, histogram, over_time
from pages.templates import asset, load_template, policy, trusted
from pages.thumbnails import cut
from schemas.audit import GOOD
from schemas.documents.run_summary import RunSummary, Series

_MOST_REASONS = 30
_PLOTTED = {  # audit -> title of its axis
    "grounding": "CLIP similarity, caption and its picture",
    "coverage": "captioned frames stood for",
    "redundancy": "said again by another sentence",
    "unsupported": "share of sentences",
    "support": "support by the cited captions",
    "judge": "mean of the judge's rubric, 1 to 5",
}
_RATIO_SHOWN = 0.5


def render_page(summary: RunSummary, overview: Overview, cards: Sequence[Card], evidence: str | None = None) -> str:
    """The page as text: about 25 kB, and up to 25 kB a card. `evidence` names a file beside it to link to."""
    css, js = asset("report.css"), asset("report.js")
    reasons = list(summary.reasons.items())
    picked = list(dict.fromkeys(f"{card.stage}: {card.reason}" for card in cards if card.reason))
    template = _template()
    return template.render(
        s=summary,
        policy=policy(css, js),
        css=trusted(css),
        js=trusted(js),
        good=GOOD,
        said={finding.key: finding for finding in summary.findings},
        reasons=reasons[:_MOST_REASONS],
        more_reasons=max(len(reasons) - _MOST_REASONS, 0),
        throughput=_throughput(summary.series),
        spreads=_spreads(overview),
        cards=cards,
        picked=picked,
        states=list(dict.fromkeys(card.state for card in cards)),
        stages=list(dict.fromkeys(card.stage for card in cards if card.stage)),
        listed=_listed(summary, cards),
        evidence=evidence,
    )


def _throughput(series: Series) -> list[Plot]:
    plots = [
        over_time("Tokens in", "tokens/s", series.seconds, series.tokens_in),
        over_time("Tokens out", "tokens/s", series.seconds, series.tokens_out),
        over_time("Frames captioned", "frames/s", series.seconds, series.frames),
    ]
    return [plot for plot in plots if plot is not None]


def _spreads(overview: Overview) -> list[Plot]:
    ratio = histogram(
        "Summary ratio",
        "keyframes / sampled frames",
        overview.ratios,
        counted="samples",
        low=0.0,
        high=_RATIO_SHOWN if overview.ratios.quantile(0.99) <= _RATIO_SHOWN else 1.0,
        mark=PUBLISHED_RATIO,
        note=f"published mean {PUBLISHED_RATIO}",
    )
    plots = [ratio]
    for name, label in _PLOTTED.items():
        data = overview.audits[name]
        low = -1.0 if name == "grounding" and data.count and data.quantile(0) < 0 else max(data.low, 0.0)
        plots.append(histogram(f"Audit: {name}", label, data, counted="samples", low=low, high=data.high))
    return [plot for plot in plots if plot is not None]


def _listed(summary: RunSummary, cards: Sequence[Card]) -> str:
    samples = sum(card.state == "sample" for card in cards)
    aside = len(cards) - samples
    parts = [f"{samples:,} of {summary.samples:,} samples"]
    if total := summary.rejected + summary.retryable:
        parts.insert(0, f"{aside:,} of {total:,} videos that were set aside")
    told = f"Shown: {' and '.join(parts)}."
    if summary.audits:
        told += " Samples come by their worst audit score, as its rank among all samples."
    if summary.samples > samples:
        told += f" The {summary.samples - samples:,} samples that are not shown rank better than these."
    if summary.pending:
        told += f" {summary.pending:,} more are pending."
    return told


@functools.cache
def _template() -> Template:
    return load_template(
        "report.html.jinja",
        {
            "two": lambda value: f"{value:.2f}",
            "rate": lambda value: f"{value:,.0f}" if value >= 100 else f"{value:.1f}",
            "of": lambda value, whole: f"{value / whole:.1%}" if whole else "",
            "duration": _duration,
            "moment": lambda value: datetime.fromisoformat(value).strftime("%d %b %Y %H:%M:%S"),
            "words": lambda value: value.replace("_", " "),
            "short": lambda value: value[:12] if re.fullmatch(r"[0-9a-f]{32,}", value) else cut(value, 60),
        },
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"
