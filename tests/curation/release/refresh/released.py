"""Workspaces with published videos, without a run: finished samples at addresses, and a release of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curation.pipeline.services import Services
from curation.release.refresh.refresh import refresh
from curation.status.opt_outs import take_opt_outs
from curation.workspace import Workspace
from schemas.documents.refresh import RefreshReport
from schemas.records import Origin, Sample, Source
from schemas.release import ReleaseManifest
from tests.curation.finished import finished
from tests.curation.release.releases import release
from tests.curation.samples import make_sample

DAY = 86_400.0
QUICK = ("refresh.pace=0", "run.download_workers=1", "download.backoff=0", "download.timeout=5", "sources=[]")


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0  # 2027-01-15

    def __call__(self) -> float:
        return self.now

    def sleep(self, days: float) -> None:
        self.now += days * DAY


def at(video: str, uri: str, **publication: Any) -> Sample:
    """A sample of a video at an address, or of a local file."""
    sample = make_sample(video, 4, (0, 2), **publication)
    kind = "url" if "://" in uri else "file"
    source = Source(id=video, kind=kind, uri=uri, title=sample.source.title, origin=Origin(list_name="l.csv", row=1))
    return sample.model_copy(update={"source": source})


@contextmanager
def released(root: Path, samples: list[Sample], *overrides: str) -> Iterator[tuple[Workspace, Services]]:
    """An open workspace with these samples, published as 0.1.0."""
    with finished(root, samples, *QUICK, *overrides) as (place, services):
        release(place, services)
        yield place, services


def again(place: Workspace, services: Services, version: str) -> ReleaseManifest:
    """The next release, as the command makes it."""
    take_opt_outs(place.root, services.config.refresh, services.ledger)
    return release(place, services, version)


def look(opened: tuple[Workspace, Services], clock: Clock, **options: Any) -> RefreshReport:
    """Refresh an open workspace."""
    return refresh(*opened, clock=clock, **options)


def found(report: RefreshReport) -> Mapping[str, int]:
    """What the looks of a refresh gave, with or without an answer."""
    return {**report.looks.found, **report.looks.unanswered}
