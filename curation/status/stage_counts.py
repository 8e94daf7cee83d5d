"""Counts videos by stage, so that the numbers add up: a video is rejected at one place, or it waits at one stage.

For every stage, `done`, `rejected` and `due` count different videos. Over all places, `rejected` sums up to the videos
that are out, and `due` to the pending ones. Where nothing is pending, `done` of a stage is `done` and `rejected` of the
next one together, and the last `done` without the rejections after the stages is the number of samples.
"""

from __future__ import annotations

from collections import Counter

from curation.ledger.stages import SOURCE, STAGES
from curation.ledger.standing import StageHashes, stages_ahead
from curation.status.standings import VideoStanding


class StageCounts:
    """The videos that came through each stage, that are out there, and that wait there."""

    def __init__(self, hashes: StageHashes) -> None:
        """Count nothing yet. `hashes`: what the results must have been made from to be current."""
        self.done: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.due: Counter[str] = Counter()
        self._hashes = hashes
        self._order = {place: number for number, place in enumerate(STAGES.places_of_rejection)}

    def count(self, one: VideoStanding) -> None:
        """Count a video. One that is out did not come through the place where it is out, nor through later ones."""
        last = len(self._order)
        ahead: frozenset[str] = frozenset()
        if one.why is not None:
            self.rejected[one.why.stage] += 1
            last = self._order.get(one.why.stage, last)  # people reject after all stages
        elif one.where.state == "pending":
            self.due[one.where.stage or SOURCE] += 1
            ahead = stages_ahead(one.source, one.heads, self._hashes)
        for stage, head in one.heads.items():
            if head.status == "done" and stage not in ahead and self._order.get(stage, last) < last:
                self.done[stage] += 1
