"""The kinds of changes that people made."""

from __future__ import annotations

from annotation.report.figures import fixes, judged
from schemas.configuration.review_config import ReviewConfig
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.review import CorrectedLine
from schemas.time import Seconds
from tests.curation.people import verdict
from tests.curation.samples import make_sample


def test_corrected_lines_are_counted() -> None:
    segments = tuple(SpokenSegment(start=Seconds(n), end=Seconds(n + 1), text=f"Line {n}.") for n in range(3))
    sample = make_sample().model_copy(update={"transcript": Transcript(source="manual", segments=segments)})
    lines = tuple(CorrectedLine(index=n, start=Seconds(n), before=f"Line {n}.", after=f"The line {n}.") for n in (0, 2))
    known = {"v000": judged(sample, [verdict(sample, "fix", transcript=lines)], ReviewConfig())}
    assert [(fix.what, fix.verdicts, fix.times) for fix in fixes(known)] == [("line of the transcript corrected", 1, 2)]
