"""How the formats of trainers in a release are read: each record by its format's own reader, against its row."""

from __future__ import annotations

from pathlib import Path

from curation.release.consumers.plan import ReadingPlan
from curation.release.formats.registry import check_formats


def whole(plan: ReadingPlan) -> list[str]:
    """The faults of all formats, in words; none where the release has no format. Links count as faults there."""
    return check_formats(Path(plan.origin))
