"""The configuration `full`: the whole row, as the export has it, with every keyframe's picture."""

from __future__ import annotations

from curation.release.configurations.configuration import Configuration, Published, Row
from schemas.arrow import features


def rows(published: Published) -> list[Row]:
    """The one row of a sample."""
    return [published.row]


FULL = Configuration(
    "full",
    "A video: all captions, keyframes with pictures, summaries in every form, audits, review and provenance.",
    features,
    rows,
)
