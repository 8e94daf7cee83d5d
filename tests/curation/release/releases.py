"""Releases of workspaces with finished samples, made without a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from curation.ledger.refresh.rechecks import Recheck
from curation.pipeline.services import Services, open_services
from curation.release.gate import Limits
from curation.release.make import NO_FORMATS, make_release, plan_release
from curation.review.verdict_store import Reviews
from curation.status.opt_outs import LIST, take_opt_outs
from curation.workspace import Workspace
from schemas.documents.review_report import LabelErrors, ReviewFindings
from schemas.records import Sample
from schemas.release import FormatChoice, ReleaseManifest
from schemas.review import AddedKeyframe
from tests.curation.people import shown, verdict

NOTHING = ReviewFindings()
DAY = 1_800_000_000.0  # 2027-01-15


def release(
    place: Workspace,
    services: Services,
    version: str = "0.1.0",
    *,
    errors: LabelErrors | None = None,
    findings: ReviewFindings = NOTHING,
    limits: Limits | None = None,
    releases: Path | None = None,
    formats: FormatChoice = NO_FORMATS,
) -> ReleaseManifest:
    """Plan and make a release."""
    findings = findings if errors is None else findings.model_copy(update={"errors": errors})
    return make_release(plan_release(place, services, version, findings, releases, formats=formats), services, limits)


def change(place: Workspace, services: Services, samples: Sequence[Sample]) -> None:
    """Let something happen to the first five samples: two are corrected, one is rejected, one opts out, one is gone.

    The corrections are of a caption, and of the choice of keyframes.
    """
    written, chosen, rejected, opted_out, gone = samples[:5]
    Reviews(services.ledger).store(
        [
            verdict(written, "fix", keyframes=shown(written, k0={"caption": "A person's caption.", "changed": True})),
            verdict(chosen, "fix", added=(AddedKeyframe(index=6, time=6.0),)),
            verdict(rejected, "reject"),
        ]
    )
    (place.root / LIST).write_text(json.dumps({"id": opted_out.video.id}) + "\n")
    take_opt_outs(place.root, services.config.refresh, services.ledger)
    said = Recheck(gone.video.id, gone.video.sha256, "gone", "removed", "This video was removed.", DAY, gone_at=DAY)
    services.ledger.note_recheck(said)


def make_in_a_process(root: Path, formats: FormatChoice, ready: Connection) -> None:
    """Make the release 0.1.0 of a workspace in a process that may be killed; `ready` is told when it begins."""
    place = Workspace(root)
    with place.lock(), open_services(place) as services:
        ready.send("now")
        release(place, services, formats=formats)
        ready.send("done")
