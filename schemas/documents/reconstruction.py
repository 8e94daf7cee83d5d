"""What `v2xum reconstruct` says of each row of a release and of all rows, as the JSON documents that it promises."""

from __future__ import annotations

from typing import Literal

from schemas.documents.document import Document
from schemas.release import MediaSettings

State = Literal[
    "verified",
    "re-encoded",
    "cut",
    "other",
    "gone",
    "withheld",
    "refused",
    "failed",
    "no address",
    "unusable",
    "pending",
]
KEPT: tuple[State, ...] = ("verified", "re-encoded", "cut")  # states in which a video file is kept
TRIED_AGAIN: tuple[State, ...] = ("failed", "pending")  # another run may find something else


class FrameComparison(Document):
    """Frames of a release against those that were made again.

    `listed` of the release; `equal`: the same JPEG, bit by bit; `alike`: another one that looks the same, by its
    perceptual hash or its picture; `unlike`; `missing`: the file has no frame at that time, or nothing is known of how
    the frame looked. `mean_bits` and `worst_bits`: the distance of the perceptual hashes, of 64 bits, over those that
    are not equal; null without any.
    """

    listed: int
    equal: int = 0
    alike: int = 0
    unlike: int = 0
    missing: int = 0
    mean_bits: float | None = None
    worst_bits: int | None = None


class ReconstructedRow(Document):
    """One row of a release: what became of its video.

    - `verified`: the file is the one of the release, by its SHA-256; - `re-encoded`: another file of the same video,
    from the same beginning to the same end; - `cut`: the same video with `lost_start` and `lost_end` seconds left out,
    or with `added_start` and `added_end` seconds more, so its times differ; - `other`: another video, or none at all;
    - `gone`: its publisher removed it; - `withheld`: there, and not for everybody (age, country, members, login);
    - `refused`: this program does not fetch it (address, size); - `failed`: tried, and another try may succeed;
    - `no address`: the release has none; - `unusable`: the row itself cannot be used; - `pending`: not tried yet.

    `reason` is a slug and `evidence` a message of a tool or measured values. `file` is the path of the kept file,
    relative to the report. `duration`, `bytes` and `sha256` are those of what was fetched.
    """

    id: str
    split: str
    state: State
    reason: str = ""
    evidence: str = ""
    address: str | None = None
    file: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    duration: float | None = None
    lost_start: float = 0.0
    lost_end: float = 0.0
    added_start: float = 0.0
    added_end: float = 0.0
    frames: FrameComparison | None = None
    keyframes: FrameComparison | None = None


class ReconstructionReport(Document):
    """All rows of a release: how many are in each state, and how many of their frames were made again.

    `left`: rows that another run would try. `settings`: how files were chosen and frames made; `settings_assumed`:
    the release does not say so. `frames` and `keyframes` are sums over all rows that were sampled.
    """

    release: str
    version: str
    name: str
    rows: int
    states: dict[State, int]
    left: int
    bytes: int
    frames: FrameComparison
    keyframes: FrameComparison
    settings: MediaSettings
    settings_assumed: bool
