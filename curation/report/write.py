"""Writes WORKSPACE/report: summary.json for programs and report.html for people, each replaced in one step."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from curation.binding.evidence import HTML_NAME, JSON_NAME
from curation.pipeline.services import Services
from curation.pipeline.throughput import History
from curation.report.last_summary import last_summary, summary_path
from curation.report.overview import Overview
from curation.report.page import render_page
from curation.report.summary import Course, course, sum_up
from curation.report.video_cards import cards
from curation.status.standings import Standings
from curation.store.files import write_whole
from curation.workspace import Workspace
from schemas.documents.run_summary import RunSummary
from schemas.kit.blame import blame, in_one_line
from schemas.safe_text import plain_line, public_text

log = logging.getLogger(__name__)
MOST_CARDS = 200


def report_path(workspace: Workspace) -> Path:
    """Where the page of a workspace lies."""
    return workspace.root / "report" / "report.html"


def write_report(
    workspace: Workspace, services: Services, history: History | None = None, why: str | None = None
) -> RunSummary:
    """Write both files from the ledger and the figures of the run.

    Without a `history` the figures of the last summary of the same run are kept. Hold the workspace's lock then: else a
    run that ends meanwhile loses its figures. Raises OSError (disk full among others).
    """
    how: Course | None = None
    if history is not None:
        how = course(services.meter.read(), history.points())
    else:
        before, run = last_summary(workspace), services.ledger.last_run(worked=True)
        if before is not None and run is not None and before.run == run.number:
            how, why = Course(before.totals, before.series), before.why
    standings = Standings(services.view)
    overview = Overview(standings, services.config.extract, MOST_CARDS)
    summary = sum_up(services, overview, how, why)
    shown = cards(standings, services.store, services.config, overview.picks(), overview)
    write_whole(summary_path(workspace), summary.model_dump_json(indent=1) + "\n", durable=True)
    page = render_page(summary, overview, shown, _evidence(report_path(workspace).parent, why))
    write_whole(report_path(workspace), page, durable=True)
    return summary


def try_report(
    workspace: Workspace, services: Services, history: History | None = None, why: str | None = None
) -> RunSummary | None:
    """`write_report` at the end of a run. An error is logged, since it matters less than how the run ended."""
    try:
        return write_report(workspace, services, history, why)
    except Exception as error:
        fault = error if blame(error) == "video" else None  # a traceback helps where the program may be wrong
        text = "the report could not be written (%s); `v2xum report %s` tries again"
        log.error(text, in_one_line(error), workspace.root, exc_info=fault)
        return None


def _evidence(folder: Path, why: str | None) -> str | None:
    """The name of the binding audit's page, if its alarm stopped this run: the page may be of an earlier one."""
    page, facts = folder / HTML_NAME, folder / JSON_NAME
    if why is None:
        return None
    try:
        message = json.loads(facts.read_text(encoding="utf-8"))["alarm"]["message"]
        current = page.stat().st_mtime_ns >= facts.stat().st_mtime_ns  # the page is written after its facts
    except (OSError, ValueError, LookupError, TypeError):
        return None
    told, reason = (plain_line(public_text(text)) for text in (str(message), why))
    return page.name if current and told and told in reason else None
