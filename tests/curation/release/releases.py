"""Releases of workspaces with finished samples, made without a run."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from curation.pipeline.services import Services, open_services
from curation.release.gate import Limits
from curation.release.make import make_release, plan_release
from curation.workspace import Workspace
from schemas.documents.review_report import LabelErrors, ReviewFindings
from schemas.release import ReleaseManifest

NOTHING = ReviewFindings()


def release(
    place: Workspace,
    services: Services,
    version: str = "0.1.0",
    *,
    errors: LabelErrors | None = None,
    findings: ReviewFindings = NOTHING,
    limits: Limits | None = None,
    releases: Path | None = None,
) -> ReleaseManifest:
    """Plan and make a release."""
    findings = findings if errors is None else findings.model_copy(update={"errors": errors})
    return make_release(plan_release(place, services, version, findings, releases), services, limits)


def make_in_a_process(root: Path, ready: Connection) -> None:
    """Make the release 0.1.0 of a workspace in a process that may be killed; `ready` is told when it begins."""
    place = Workspace(root)
    with place.lock(), open_services(place) as services:
        ready.send("now")
        release(place, services)
        ready.send("done")
