"""What the splits are made of: the videos of a release, and the lists of known benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from curation.release.splits.fingerprint import Fingerprint


@dataclass(frozen=True)
class SplitItem:
    """A video that gets a split.

    `sha256` of its file; `duration` in seconds; `channel`: a key of who published it, None when unknown; `text`: its
    title and summary; `known_as`: other ids of it, such as that of YouTube; `vector` (d,): the mean CLIP vector of its
    keyframes, where there is one.
    """

    id: str
    sha256: str
    duration: float
    category: str = ""
    channel: str | None = None
    title: str = ""
    text: str = ""
    known_as: frozenset[str] = frozenset()
    fingerprint: Fingerprint | None = None
    vector: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Benchmark:
    """The videos of a known benchmark: their ids, their titles, and fingerprints of those whose files are there."""

    name: str
    ids: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()
    fingerprints: Mapping[str, Fingerprint] = field(default_factory=dict)
