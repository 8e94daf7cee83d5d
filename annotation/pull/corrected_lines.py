"""What an annotator made of the transcript's lines: corrections, and changes that are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from annotation.pull.task_data import ShownLine
from curation.text.transcribe.segments import LONGEST
from schemas.review import CorrectedLine
from schemas.safe_text import clean_text
from schemas.time import clock

_LINE = "the line of the transcript at {}"


def corrected_lines(
    lines: Sequence[ShownLine], texts: Mapping[int, Sequence[str]]
) -> tuple[tuple[CorrectedLine, ...], list[str]]:
    """The corrected lines, and the problems: what was emptied, deleted or made too long stays as it was shown.

    `lines`: those that the task shows; `texts`: what came back of them, by their places, nothing of an emptied line. An
    annotation without any line is one of a screen that shows none.
    """
    corrected: list[CorrectedLine] = []
    problems: list[str] = []
    for index, line in enumerate(lines):
        written = " ".join(texts.get(index, (line.text,)))
        if written.split() == line.text.split():
            continue
        if not clean_text(written):
            problems.append(f"{_LINE.format(clock(line.start))} was emptied: it can be corrected, not removed")
        elif len(written) > LONGEST:
            problems.append(f"{_LINE.format(clock(line.start))} has {len(written)} characters, at most {LONGEST}")
        else:
            corrected.append(CorrectedLine(index=index, start=line.start, before=line.text, after=written))
    deleted = [line for index, line in enumerate(lines) if index not in texts] if texts else []
    if deleted:
        others = f" and {len(deleted) - 1} more were" if len(deleted) > 1 else " was"
        problems.append(f"{_LINE.format(clock(deleted[0].start))}{others} deleted: lines can be corrected, not removed")
    return tuple(corrected), problems
