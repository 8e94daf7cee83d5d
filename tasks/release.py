"""Prefect tasks of a release: what people found, and the release itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from annotation.gold_answers import known_answers
from annotation.report.write import review_findings
from curation.pipeline.open import open_view
from curation.pipeline.services import open_services
from curation.release.gate import Limits
from curation.release.make import NO_FORMATS, make_release, plan_release
from curation.status.opt_outs import take_opt_outs
from curation.workspace import Workspace
from schemas.documents.review_report import ReviewFindings
from schemas.release import FormatChoice, ReleaseManifest


@task(name="measure-review", cache_policy=NO_CACHE, persist_result=False)
def measure_review(workspace: str) -> ReviewFindings:
    """What the workspace's review says: label errors, agreement, who judged how much.

    Opt-outs are taken in first. Raises ConfigError, and WorkspaceBusy.
    """
    place = Workspace(Path(workspace))
    with place.lock(), open_view(place) as view:
        take_opt_outs(place.root, view.refresh, view.ledger)
        return review_findings(view, {name: known.has_error for name, known in known_answers(place.root).items()})


@task(name="release", cache_policy=NO_CACHE, persist_result=False)
def write_release(
    workspace: str,
    version: str,
    findings: ReviewFindings,
    limits: Limits,
    benchmarks: Sequence[str] = (),
    formats: FormatChoice = NO_FORMATS,
) -> ReleaseManifest:
    """Write WORKSPACE/releases/VERSION. Raises ConfigError and ReleaseRefused as `plan_release` and `make_release`."""
    place = Workspace(Path(workspace))
    with place.lock(), open_services(place) as services:
        plan = plan_release(place, services, version, findings, benchmarks=[*map(Path, benchmarks)], formats=formats)
        return make_release(plan, services, limits)
