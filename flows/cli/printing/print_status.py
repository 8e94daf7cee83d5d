"""Prints the status of a workspace as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from curation.ledger.stages import SOURCE
from flows.cli.app import typed_path
from schemas.documents.run_summary import Finding
from schemas.documents.status import WorkspaceStatus
from schemas.kit.number_of import number_of
from schemas.meanings.reasons import described
from schemas.safe_text import plain

_AWAITS = "audit: awaits_review"


def print_status(status: WorkspaceStatus, workspace: Path, console: Console | None = None) -> None:
    """Print the counts of videos as a sentence, a table of the stages, the reasons for rejections, and ways out."""
    console = console or Console()
    console.print(
        f"{number_of(status.videos, 'video')}: {number_of(status.samples, 'sample')}, {status.rejected} rejected, "
        f"{status.retryable} retryable, "
        f"{status.pending} pending",
        highlight=False,
    )
    if status.outdated:
        due, again = ", ".join(status.outdated), sum(status.outdated.values())
        console.print(
            f"{again} of the pending were finished, until settings or the program changed or `v2xum retry` "
            f"forgot a result (due: {due}): `v2xum curate` makes again what follows from that",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    table = Table(show_edge=False, pad_edge=False)
    for name in ("stage", "done", "rejected", "due", "last run: made", "reused", "rejected"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    _add_elsewhere(table, status, (SOURCE,))
    for stage, row in status.stages.items():
        last = row.last_run
        cells = (row.done, row.rejected, row.due, last.made, last.reused, last.rejected)
        table.add_row(stage, *map(str, cells))
    _add_elsewhere(table, status, [place for place in status.elsewhere if place != SOURCE])
    console.print(table)
    for reason, videos in status.reasons.items():
        console.print(f"{videos:6} {plain(reason)}", markup=False, highlight=False)
        if not status.samples:  # who has nothing yet is told at once what `v2xum explain` would say
            _print_way_out(reason, console)
    if status.poison:
        console.print(
            f"\n{status.poison} of the rejected crashed a decoder or the program (class poison). They are not tried"
            f"\nagain by themselves. When the cause is mended: v2xum retry {typed_path(workspace)} --class poison",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    _print_findings(status.findings, console)
    if _AWAITS in status.reasons:
        told = f"{_AWAITS}: not published until people accept them; `v2xum review push` asks them"
        console.print(told, markup=False, highlight=False)


def _print_findings(findings: Sequence[Finding], console: Console) -> None:
    """Print the figures of the last report that need attention, the worst first, and how many are within limits."""
    noted = [finding for finding in findings if finding.state != "ok"]
    if noted:
        console.print("\nFigures of the last report that need attention:", highlight=False)
    for finding in noted:
        console.print(
            f"{finding.state:6} {plain(finding.figure)}: {plain(finding.value)}; {plain(finding.why)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if kept := len(findings) - len(noted):
        limits = "its limit" if kept == 1 else "their limits"
        console.print(f"{number_of(kept, 'figure')} within {limits}", highlight=False)


def _print_way_out(reason: str, console: Console) -> None:
    stage, _, slug = reason.partition(": ")
    if (told := described(slug, stage)) is not None:
        console.print(f"       way out: {told.do}", markup=False, highlight=False, soft_wrap=True)


def _add_elsewhere(table: Table, status: WorkspaceStatus, places: Iterable[str]) -> None:
    """Rows for places that are no stage and where videos are out."""
    for place in places:
        if count := status.elsewhere.get(place):
            table.add_row(place, "", str(count))
