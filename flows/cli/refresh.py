"""The command `v2xum refresh`: keeps published videos, opt-outs and sources up to date."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import JsonOption, WorkspaceArgument, app, guarded, print_json, typed_path
from schemas.kit.number_of import number_of

if TYPE_CHECKING:  # heavy modules are imported by the command that needs them
    from schemas.documents.refresh import RefreshReport


@app.command()
@guarded
def refresh(
    workspace: WorkspaceArgument,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Look at only so many published videos, the longest unseen first.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is due and new; ask nobody, and store nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Recheck published videos, take in new sources and opt-outs, and propose the next version."""
    from curation.release.refresh.refresh import refresh_workspace
    from flows.local.signals import stoppable

    place, stop = Workspace(workspace).require(), threading.Event()

    report = stoppable(lambda: refresh_workspace(place, limit=limit, dry_run=dry_run, stop=stop), stop)
    if as_json:
        print_json(report)
    else:
        _print(report, place)


def _print(report: RefreshReport, place: Workspace) -> None:
    """The report as lines of text. Slugs and numbers only: no text of a publisher is in it."""
    sources, opt_outs, looks = report.sources, report.opt_outs, report.looks
    lines = [f"release     {report.release or 'none yet'}"]
    told = sources.problem or f"{sources.listed:,} listed, {sources.new:,} new"
    lines.append(f"sources     {told}{'; `v2xum curate` takes them in' if sources.new else ''}")
    words = f"{opt_outs.in_force:,} in force, {opt_outs.new:,} new, {opt_outs.lifted:,} lifted"
    lines.append(f"opt-outs    {words}; they concern {number_of(opt_outs.videos, 'video')}")
    strangers = f"; {looks.strangers:,} published rows are not in this ledger" if looks.strangers else ""
    lines.append(f"published   {number_of(looks.watched, 'video')}, {looks.due:,} due{strangers}")
    if not report.dry_run:
        lines.append(f"looked at   {looks.checked:,}{_counted(looks.found)}")
    if looks.unanswered:
        lines.append(f"no answer   {sum(looks.unanswered.values()):,}{_counted(looks.unanswered)}; they stay due")
    changes = f"; {len(report.made):,} made and {len(report.lifted):,} lifted now" if not report.dry_run else ""
    lines.append(f"tombstones  {sum(report.tombstones.values()):,}{_counted(report.tombstones)}{changes}")
    if report.proposal.version is None:
        lines.append("next        nothing that `default`, tombstones or opt-outs show has changed since")
    else:
        lines.append(f"next        {report.proposal.version} ({report.proposal.level})")
        lines += [f"  {reason.level:9} {reason.words}" for reason in report.proposal.reasons]
        if report.looks.watched or report.release is None:
            lines.append(f"            v2xum release {typed_path(place.root)} {report.proposal.version}")
    if report.dry_run:
        lines.append("dry run     nobody was asked, and nothing was stored")
    sys.stdout.write("\n".join(lines) + "\n")


def _counted(counts: dict[str, int]) -> str:
    return f": {', '.join(f'{name} {count:,}' for name, count in counts.items())}" if counts else ""
