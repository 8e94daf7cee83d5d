"""A run's figures as Markdown, for a Prefect artifact."""

from __future__ import annotations

from pathlib import Path

from pages.markdown import escape_markdown
from schemas.documents.refresh import RefreshReport
from schemas.documents.run_summary import RunSummary

_MOST_REASONS = 20


def figures(summary: RunSummary, report: Path) -> str:
    """Return Markdown tables of what a run did; every name is escaped. `report` is the path of the run's page."""
    totals = summary.totals
    rows = [
        ("videos", f"{summary.videos:,}"),
        ("samples", f"{summary.samples:,}"),
        ("rejected", f"{summary.rejected:,}"),
        ("retryable", f"{summary.retryable:,}"),
        ("pending", f"{summary.pending:,}"),
        ("tokens in", f"{totals.tokens_in:,} ({summary.tokens_in_per_second:,.1f}/s)"),
        ("tokens out", f"{totals.tokens_out:,} ({summary.tokens_out_per_second:,.1f}/s)"),
        ("frames captioned", f"{totals.frames:,} ({summary.frames_per_second:,.1f}/s)"),
        ("model replies", f"{totals.replies:,}, and {totals.cached:,} from the ledger"),
        ("seconds", f"{totals.seconds:,.1f}"),
        *((f"retries, {kind}", f"{count:,}") for kind, count in totals.retries.items()),
        *((f"failures, {kind}", f"{count:,}") for kind, count in totals.failures.items()),
        *((f"waited for {name}, s (sum of threads)", f"{seconds:,.1f}") for name, seconds in totals.waits.items()),
    ]
    parts = [f"**{escape_markdown(summary.name)}**, run {summary.run}: {escape_markdown(summary.outcome or 'unknown')}"]
    if summary.why:
        parts.append(escape_markdown(summary.why))
    parts += [escape_markdown(summary.verdict), _table("figure", "value", rows)]
    if summary.findings:
        found = [(f"{each.state}: {each.figure}", f"{each.value}; {each.why}") for each in summary.findings]
        parts.append(_table("state and figure", "value and limit", found))
    if summary.reasons:
        reasons = [(reason, f"{count:,}") for reason, count in summary.reasons.items()]
        parts.append(_table("set aside", "videos", reasons[:_MOST_REASONS]))
    parts.append(f"The page with pictures: {escape_markdown(str(report))} (`v2xum open` shows it)")
    return "\n\n".join(parts) + "\n"


def refresh_figures(report: RefreshReport) -> str:
    """Return Markdown tables of what a refresh found, and of the version that it proposes."""
    looks, next_one = report.looks, report.proposal
    rows = [
        ("latest release", report.release or "none yet"),
        ("new sources", report.sources.problem or f"{report.sources.new:,}"),
        ("opt-outs in force", f"{report.opt_outs.in_force:,}"),
        ("videos that opted out", f"{report.opt_outs.videos:,}"),
        ("published videos", f"{looks.watched:,}"),
        ("due", f"{looks.due:,}"),
        *((f"found {name}", f"{count:,}") for name, count in looks.found.items()),
        *((f"no answer, {name}", f"{count:,}") for name, count in looks.unanswered.items()),
        *((f"tombstones, {name}", f"{count:,}") for name, count in report.tombstones.items()),
    ]
    parts = [_table("figure", "value", rows)]
    if next_one.version is None:
        parts.append("Nothing has changed since the latest release.")
    else:
        parts.append(f"The next version: **{escape_markdown(next_one.version)}** ({next_one.level})")
        parts.append(_table("reason", "level", [(reason.words, reason.level) for reason in next_one.reasons]))
    return "\n\n".join(parts) + "\n"


def _table(first: str, second: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| {first} | {second} |", "|---|---:|"]
    return "\n".join([*lines, *(f"| {escape_markdown(name)} | {escape_markdown(value)} |" for name, value in rows)])
