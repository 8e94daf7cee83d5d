"""Writes the page of the audit study, docs/results/audit.md, and its plot."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

from benchmarks.audit_study.repeats import LATEST, Rings
from benchmarks.audit_study.small_model import section
from benchmarks.audit_study.support import LIMITS, Row
from curation.binding.repeats import LEAST_VIDEOS
from schemas.configuration.config import AuditConfig, BindingConfig
from schemas.safe_text import plain_line

_HONEST = ("demo, the true summary", "two people, the same video", "V2Xum-LLaMA, a person's text of the video")
_GOOD, _BAD, _NEITHER = "#0b6e4f", "#c1440e", "#8a8a8a"


class Study(NamedTuple):
    """The figures: support by embedder and group, workspaces by name, alarms by family of choices and of summaries.

    `small_model` is what the benchmark `smollm2` measured, if it is there.
    """

    support: Mapping[str, Mapping[str, Row]]
    workspaces: Mapping[str, Row]
    choices: Mapping[str, Rings]
    summaries: Mapping[str, Rings]
    small_model: Mapping[str, Any] | None = None


def plot(study: Study) -> str:
    """The mean support of each group: a line from the 5th to the 95th percentile, a dot at the median, as SVG."""
    groups = [(embedder, name, row) for embedder, rows in study.support.items() for name, row in rows.items()]
    groups += [("workspace", name, row) for name, row in study.workspaces.items()]
    left, width, top, step = 430, 420, 48, 24
    height = top + step * len(groups) + 44
    limits = AuditConfig()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 30} {height}" role="img" '
        'font-family="sans-serif" font-size="12">',
        "<title>Mean support of summaries: honest texts and faults</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    bottom = top + step * len(groups)
    for tick in range(0, 11, 2):
        at = left + width * tick / 10
        parts.append(f'<path d="M{at:.0f} {top - 6}V{bottom}" stroke="#ddd"/>')
        parts.append(f'<text x="{at:.0f}" y="{bottom + 18}" text-anchor="middle">{tick / 10:.1f}</text>')
    for name, value in (("refuse_below", limits.refuse_below), ("review_below", limits.review_below)):
        at = left + width * (value or 0.0)
        parts.append(f'<path d="M{at:.0f} {top - 6}V{bottom}" stroke="#444" stroke-dasharray="4 3"/>')
        anchor = "end" if name == "refuse_below" else "start"
        parts.append(f'<text x="{at:.0f}" y="{top - 14}" text-anchor="{anchor}">{name}</text>')
    for number, (embedder, name, row) in enumerate(groups):
        y = top + step * (number + 0.5)
        colour = _GOOD if name in _HONEST else _NEITHER if embedder == "workspace" else _BAD
        low, _, middle, _, high = (left + width * value for value in row.quantiles)
        parts.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{escape(_label(embedder, name))}</text>')
        parts.append(f'<path d="M{low:.1f} {y}H{high:.1f}" stroke="{colour}" stroke-width="3" stroke-opacity="0.5"/>')
        parts.append(f'<circle cx="{middle:.1f}" cy="{y}" r="5" fill="{colour}"/>')
    parts.append(
        f'<text x="{left + width / 2}" y="{bottom + 38}" text-anchor="middle">mean support of a summary</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def page(study: Study) -> str:
    """The page in Markdown."""
    audit, binding = AuditConfig(), BindingConfig()
    lines = [
        "# What the audit's limits find, and what they cost",
        "",
        "`v2xum bench audit --groundtruth DIR --out docs/results` writes this page; `--embedder FOLDER` adds the rows",
        "of a sentence encoder, `--workspace NAME=FOLDER` those of a workspace. The rows of the demo need no files.",
        "",
        "## Support",
        "",
        "A sentence's support is the mean of two numbers: the share of its content words that the cited captions hold,",
        "and the largest cosine to one of them. A sentence that its captions contradict (`red shirt`, where they have",
        "shirts of other colours only) counts as 0.",
        "",
        f"- `audit.refuse_below: {audit.refuse_below:g}`: a summary all of whose sentences are below it is no sample "
        "(`unsupported`).",
        f"- `audit.review_below: {audit.review_below:g}`: a summary whose mean is below it, or with a contradicted "
        "sentence, waits for people (`awaits_review`).",
        "",
        "![Mean support of honest texts and of faults, with both limits](audit.svg)",
        "",
    ]
    for embedder, rows in study.support.items():
        lines += [f"### {embedder}", "", *_support_table(rows), ""]
    if study.workspaces:
        lines += ["### Workspaces", "", *_support_table(study.workspaces), ""]
    lines += [
        "How to read it:",
        "",
        "- Two people who describe the same video never saw each other's text. That is the hardest paraphrase; a model",
        "  that rewrites captions keeps far more of their words (the demo's rows). The share of such texts that",
        "  `refuse_below` takes bounds the honest summaries that it takes from above.",
        "- People who describe other videos share words as well (`man`, `camera`), so no limit separates all of them.",
        "  The limits take the plain cases; the active stratum of the review gets the rest by rank.",
        f"- `audit.support: {audit.support:g}`, from which the score `unsupported` counts a sentence as supported, is",
        "  a strict mark for rewritten captions. It decides nothing.",
        "",
        "Share of texts all of whose sentences are below a limit:",
        "",
        f"| embedder, texts | {' | '.join(f'{limit:g}' for limit in LIMITS)} |",
        f"|---|{'---|' * len(LIMITS)}",
    ]
    for embedder, rows in study.support.items():
        for name, row in rows.items():
            cells = " | ".join(_percent(row.below[limit]) for limit in LIMITS)
            lines.append(f"| {_label(embedder, name)} | {cells} |")
    lines += ["", *_repetitions(study, binding), ""]
    if study.small_model is not None:
        lines += [*section(study.small_model), ""]
    return "\n".join(lines)


def _repetitions(study: Study, binding: BindingConfig) -> list[str]:
    lines = [
        "## Repetitions over unlike videos",
        "",
        f"The latest {LATEST} videos are compared. Alarms: at least {LEAST_VIDEOS} unlike videos and more than "
        f"{binding.max_same_summaries:.0%} of the window with nearly the same summary; or the same choice of keyframes "
        f"so often that honest choices would coincide like that with a chance below {binding.min_choice_chance:g}. "
        "Each row: random orders of the videos, every video unlike every other.",
        "",
        "| choices of keyframes | videos | runs with an alarm | it came at video |",
        "|---|---|---|---|",
    ]
    lines += [_ring(name, rings) for name, rings in study.choices.items()]
    lines += ["", "| summaries | videos | runs with an alarm | it came at video |", "|---|---|---|---|"]
    lines += [_ring(name, rings) for name, rings in study.summaries.items()]
    lines += [
        "",
        "V2Xum-LLaMA's own summaries stand beside a person's text of the video instead of captions, which makes videos",
        "unlike that its captions would call alike: some of its repetitions are of videos of the same sport.",
    ]
    return lines


def _support_table(rows: Mapping[str, Row]) -> list[str]:
    lines = [
        "| texts | number | mean support: 5 % | median | 95 % | contradicted | `unsupported` | `awaits_review` |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        low, _, middle, _, high = row.quantiles
        shares = " | ".join(_percent(share) for share in (row.contradicted, row.refused, row.awaiting))
        lines.append(f"| {plain_line(name)} | {row.texts:,} | {low:.2f} | {middle:.2f} | {high:.2f} | {shares} |")
    return lines


def _ring(name: str, rings: Rings) -> str:
    first = "-" if rings.first is None else str(rings.first)
    return f"| {name} | {rings.videos:,} | {rings.rang} of {rings.orders} | {first} |"


def _label(embedder: str, name: str) -> str:
    return f"{name} ({embedder.partition('-')[0]})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
