"""Two releases of realistic rows for the benchmarks of publishing: the second has other texts in a share of its rows.

A sample has 183 frames with captions, and 30 keyframes with pictures of 640 x 360 that no other sample has: a store
with deduplication would take the same picture once. A changed row has other captions, summaries and a new title, as
when a video is captioned again; its pictures stay. Changed rows lie scattered over the release.
"""

from __future__ import annotations

import io
import shutil
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.instant import config
from benchmarks.release import FRAMES, KEYFRAMES, fill, sample_of
from curation.pipeline.services import open_services
from curation.release.make import make_release, plan_release
from curation.workspace import Workspace
from schemas.documents.review_report import ReviewFindings
from schemas.records import Sample

_OTHER = 10_000_000  # added to the seed of a changed row


@lru_cache(maxsize=2 * KEYFRAMES)
def _drawn(number: int, keyframe: int) -> bytes:
    coarse = np.random.default_rng([number, keyframe]).integers(0, 255, (45, 80, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(coarse).resize((640, 360), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def picture(number: int, index: int) -> bytes:
    """The picture of a frame: about 75 kB, the same for the frames of one keyframe, and no other sample's."""
    return _drawn(number, index * KEYFRAMES // FRAMES)


def changed(samples: int, share: float) -> frozenset[int]:
    """The numbers of the rows that the second release changes, scattered evenly; at least one."""
    count = max(1, round(samples * share))
    return frozenset(int((place + 0.5) * samples / count) for place in range(count))


def make_releases(root: Path, samples: int, share: float) -> None:
    """Make the workspace `root` with the releases 0.1.0 and 0.2.0 of so many samples."""
    others = changed(samples, share)

    def second(number: int) -> Sample:
        return sample_of(number, picture, number + _OTHER if number in others else None)

    for version, sample in (("0.1.0", lambda number: sample_of(number, picture)), ("0.2.0", second)):
        place = Workspace(root.with_name(f"{root.name}-{version}"))
        settings = config()
        with open_services(place, settings) as services:
            place.save_config(settings)
            fill(services, samples, sample, picture)
            make_release(plan_release(place, services, version, ReviewFindings(), root / "releases"), services)
        shutil.rmtree(place.root)
