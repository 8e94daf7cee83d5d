"""A workspace with finished samples and their pictures, made without running a stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from curation.frames.files import frame_name, frames_key
from curation.pipeline.services import Services, open_services
from curation.workspace import Workspace
from schemas.audit import Audit
from schemas.configuration.loading import load_config
from schemas.records import Sample
from schemas.repository import ROOT
from tests.curation.people import finish
from tests.curation.samples import picture


@contextmanager
def finished(
    root: Path, samples: Sequence[Sample], *overrides: str, audit: Callable[[Sample], Audit] | None = None
) -> Iterator[tuple[Workspace, Services]]:
    """A workspace with the demo's configuration in which `samples` (of `make_sample`) are finished.

    `audit` gives the record of a sample's audit; without it the audit was switched off.
    """
    place = Workspace(root)
    config = load_config(ROOT / "configs" / "demo.yaml", overrides)
    with open_services(place, config) as services:
        place.save_config(config)
        for sample in samples:
            finish(services.ledger, sample, services.hashes, audit=audit(sample) if audit is not None else None)
            folder = services.store.frames(frames_key(sample.video.sha256, config.frames))
            folder.mkdir(parents=True)
            for frame in sample.frames.frames:
                (folder / frame_name(frame.index)).write_bytes(picture(frame.index))
        yield place, services
