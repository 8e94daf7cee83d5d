"""All configurations of a release, in the order of the card. The Hub and `load_dataset` take the first by default."""

from __future__ import annotations

from functools import partial

from curation.release.configurations.configuration import Configuration
from curation.release.configurations.conversations import V2T, V2V, V2VT
from curation.release.configurations.default import DEFAULT
from curation.release.configurations.frames import FRAMES
from curation.release.configurations.full import FULL
from curation.release.configurations.lineage import LINEAGE
from curation.release.configurations.preferences import PREFERENCES
from curation.release.configurations.rejections import REJECTIONS
from curation.release.configurations.tombstones import TOMBSTONES
from schemas.arrow import Columns, features

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


def configurations(columns: Columns) -> tuple[Configuration, ...]:
    """All configurations; `full` has those columns that not every run has."""
    whole = FULL._replace(features=partial(features, columns))
    return tuple(whole if each is FULL and any(columns) else each for each in CONFIGURATIONS)
