"""Plans and makes a release of a workspace from a terminal; the Prefect flow does the same with tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from annotation.gold_answers import known_answers
from annotation.report.write import review_findings
from curation.pipeline.open import open_view
from curation.pipeline.services import open_services
from curation.release.gate import Limits, raise_if_refused
from curation.release.make import NO_FORMATS, Plan, make_release, plan_release
from curation.status.opt_outs import take_opt_outs
from curation.workspace import Workspace
from schemas.release import FormatChoice, ReleaseManifest


def release_workspace(
    place: Workspace,
    version: str,
    limits: Limits,
    *,
    benchmarks: Sequence[Path] = (),
    formats: FormatChoice = NO_FORMATS,
    dry_run: bool = False,
    releases: Path | None = None,
) -> tuple[Plan, ReleaseManifest | None]:
    """Make the release `version` below `releases`, the workspace's folder by default; with `dry_run` only plan it.

    `benchmarks`: lists of known videos and folders of them, with which the rows are compared; `formats`: the formats of
    trainers that it holds.

    Raises ConfigError, ReleaseRefused (with `dry_run` too), WorkspaceBusy, StorageFull and LedgerDamaged.
    """
    with place.lock():
        with open_view(place) as view:
            take_opt_outs(place.root, view.refresh, view.ledger, write=not dry_run)
            findings = review_findings(
                view, {name: known.has_error for name, known in known_answers(place.root).items()}
            )
        with open_services(place) as services:
            plan = plan_release(place, services, version, findings, releases, benchmarks, formats)
            raise_if_refused(plan.version, plan.figures, limits)
            return plan, None if dry_run else make_release(plan, services, limits)
