"""Takes out the lines that rolling captions repeat.

Automatic captions roll: a cue shows the line before once more, above the new one, and YouTube's WebVTT has cues of 10
milliseconds that show the old line alone. Each line was said once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from curation.text.transcribe.cues import Cue, Line

_TOUCHING = 1.0  # seconds between two cues of which the second may still show lines of the first


def unrolled(cues: Iterable[Cue]) -> Iterator[Cue]:
    """The cues with the lines that are new in them; a cue without a new line is left out.

    The lines of a cue that stand at its top, and at the end of the cue before, are the same lines, as many of them as
    fit. A line with the times of its words is always new: only new lines have them.
    """
    shown: tuple[str, ...] = ()
    until = 0.0
    for cue in cues:
        if cue.start > until + _TOUCHING:
            shown = ()
        new = cue.lines[_carried(shown, cue.lines) :]
        if new:
            yield cue._replace(lines=new)
        if cue.lines:
            shown, until = tuple(line.text for line in cue.lines), cue.end


def _carried(shown: Sequence[str], lines: Sequence[Line]) -> int:
    """How many lines at the top of a cue were shown before."""
    old = next((place for place, line in enumerate(lines) if line.words), len(lines))
    for count in range(min(old, len(shown)), 0, -1):
        if tuple(shown[-count:]) == tuple(line.text for line in lines[:count]):
            return count
    return 0
