"""All configurations of a release, in the order of the card. The Hub and `load_dataset` take the first by default."""

from __future__ import annotations

from curation.release.configurations.configuration import Configuration
from curation.release.configurations.conversations import V2T, V2V, V2VT
from curation.release.configurations.default import DEFAULT
from curation.release.configurations.frames import FRAMES
from curation.release.configurations.full import FULL, FULL_OF_SEVERAL
from curation.release.configurations.lineage import LINEAGE
from curation.release.configurations.preferences import PREFERENCES
from curation.release.configurations.rejections import REJECTIONS
from curation.release.configurations.tombstones import TOMBSTONES

CONFIGURATIONS: tuple[Configuration, ...] = (
    DEFAULT,
    FULL,
    V2V,
    V2T,
    V2VT,
    FRAMES,
    PREFERENCES,
    REJECTIONS,
    TOMBSTONES,
    LINEAGE,
)


def configurations(*, annotators: bool) -> tuple[Configuration, ...]:
    """All configurations; `annotators`: `full` has the columns of several annotators."""
    return tuple(FULL_OF_SEVERAL if annotators and each is FULL else each for each in CONFIGURATIONS)
