"""Releases with and without the files of TRL, which the tests of the modern road share and only read."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.review.verdict_store import Reviews
from schemas.release import FormatChoice
from schemas.review import AddedKeyframe
from tests.curation.finished import finished
from tests.curation.people import shown, verdict
from tests.curation.release.releases import release
from tests.curation.samples import make_sample
from tests.once import once

SHARES = ("export.splits.train=0.5", "export.splits.validation=0.25", "export.splits.test=0.25")
TRL = FormatChoice(names=("trl",))


def _make(folder: Path) -> None:
    samples = [make_sample(f"v{number:03d}", content=f"content {number}") for number in range(8)]
    with finished(folder / "w", samples, "frames.keep=all", *SHARES) as (place, services):
        release(place, services, "0.1.0")
        release(place, services, "0.2.0", formats=TRL)
        Reviews(services.ledger).store(
            [
                verdict(
                    sample,
                    "fix",
                    keyframes=shown(sample, k0={"caption": "A kite rises.", "changed": True}),
                    added=(AddedKeyframe(index=6, time=6.0),),
                )
                for sample in samples
            ]
        )
        release(place, services, "0.3.0", formats=TRL)


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of 0.1.0, 0.2.0 with the files of TRL, and 0.3.0 with those and pairs of people's edits."""
    return once(tmp_path_factory, "releases-for-trl", _make) / "w" / "releases"
