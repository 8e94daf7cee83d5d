"""Reads a ledger once for the report: counts, spreads, and the videos that a person should look at first.

Memory is bounded: videos come in chunks, spreads are histograms, and only the worst candidates are kept.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from itertools import islice

from curation.ledger.ledger import Ledger
from curation.ledger.stages import TRANSCRIBE
from curation.status.lost_speech import speech_of
from curation.status.stage_counts import StageCounts
from curation.status.standings import Standings, VideoStanding
from pages.histogram import Histogram
from schemas.audit import GOOD, Audit
from schemas.binding import Binding
from schemas.configuration.config import ExtractConfig
from schemas.records import Extract

_CHUNK = 500
_PER_REASON = 40
_MOST_REASONS = 200
_RANGES = {"judge": (1.0, 5.0), "grounding": (-1.0, 1.0), "grounding_worst": (-1.0, 1.0)}
AUDIT, BINDING = "audit", "binding"


class Overview:
    """The figures of all videos of a ledger."""

    def __init__(self, standings: Standings, config: ExtractConfig, most: int = 200) -> None:
        """Read the ledger once; at most `most` videos are picked for showing."""
        self.states: Counter[str] = Counter()
        self.stages = StageCounts(standings.view.hashes)
        self.reasons: Counter[str] = Counter()
        self.ratios = Histogram(0.0, 1.0)
        self.audits = {name: Histogram(*_RANGES.get(name, (0.0, 1.0))) for name in GOOD}
        self.marks: Counter[str] = Counter()
        self.binding: Counter[str] = Counter()
        self.transcripts: Counter[str] = Counter()  # by source, or by the reason why there is none
        self.transcripts_lost: Counter[str] = Counter()  # of these by a reason that another try may mend
        self._read_stages = ("extract", AUDIT, BINDING, *({TRANSCRIBE} & standings.view.hashes.on))
        self._config = config
        self._most = most
        self._aside: dict[str, list[str]] = defaultdict(list)
        self._worst: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self._ranks: dict[str, tuple[float, float, str]] = {}
        videos = standings.walk()
        while chunk := list(islice(videos, _CHUNK)):
            for video in chunk:
                self._count(video)
            samples = {video.source.id for video in chunk if video.where.state == "sample"}
            self._read(standings.view.ledger, [video.source.id for video in chunk], samples)

    def _count(self, video: VideoStanding) -> None:
        self.states[video.where.state] += 1
        self.stages.count(video)
        if video.why is not None:
            known = str(video.why) in self.reasons or len(self.reasons) < _MOST_REASONS
            reason = str(video.why) if known else "(other reasons)"
            self.reasons[reason] += 1
            if len(self._aside[reason]) < _PER_REASON:
                self._aside[reason].append(video.source.id)

    def _read(self, ledger: Ledger, ids: list[str], samples: set[str]) -> None:
        for video_id, stage, payload in ledger.payloads(ids, self._read_stages):
            if stage == BINDING:
                self._bound(Binding.model_validate_json(payload))
            elif stage == TRANSCRIBE:
                speech = speech_of(payload)
                self.transcripts[speech.kind] += 1
                self.transcripts_lost.update([speech.lost] if speech.lost else [])
            elif video_id in samples:
                if stage == AUDIT:
                    self._audited(video_id, Audit.model_validate_json(payload))
                else:
                    ratio = Extract.model_validate_json(payload).ratio
                    self.ratios.add(ratio)
                    self._candidate("ratio", self._beyond(ratio), video_id)

    def _audited(self, video_id: str, audit: Audit) -> None:
        for name, value in audit.scores().items():
            self.audits[name].add(value)
            self._candidate(name, value if GOOD[name] == "low" else -value, video_id)
        self.marks.update(mark.score for mark in audit.marks)
        if audit.marks:
            self._candidate("marks", float(len(audit.marks)), video_id)

    def _bound(self, binding: Binding) -> None:
        if binding.checked:
            figures = {"videos": 1, "canaries": binding.asked, "canaries_right": binding.right}
            self.binding.update({**figures, "compared": binding.compared, "matched": binding.matched})

    def _beyond(self, ratio: float) -> float:
        """How bad a ratio is: its distance from the target, and far more outside the configured bounds."""
        config = self._config
        distance = abs(math.log(max(ratio, 1e-4) / max(config.ratio_target, 1e-4)))
        return distance + (100.0 if not config.ratio_min <= ratio <= config.ratio_max else 0.0)

    def _candidate(self, name: str, badness: float, video_id: str) -> None:
        heap = self._worst[name]
        if len(heap) < self._most:
            heapq.heappush(heap, (badness, video_id))
        else:
            heapq.heappushpop(heap, (badness, video_id))

    def picks(self) -> list[str]:
        """The videos to show: rejected ones first (some of every reason), then samples, the worst first.

        A sample is ranked by its worst audit score. The rank of a score among all samples is used, so that scores of
        different scales compare. Marked samples come first. Without audits the ratio decides. Rejected videos take at
        most two fifths of the places while there are samples for the rest.
        """
        samples = self._samples()
        shown = self._set_aside(max(self._most * 2 // 5, self._most - len(samples)))
        return shown + samples[: self._most - len(shown)]

    def _set_aside(self, places: int) -> list[str]:
        ordered = sorted(self._aside, key=lambda why: (-self.reasons[why], why))
        rounds = [
            [self._aside[why][i] for why in ordered if i < len(self._aside[why])]
            for i in range(max(map(len, self._aside.values()), default=0))
        ]
        chosen = [video_id for one in rounds for video_id in one][:places]
        kept = set(chosen)
        return [video_id for why in ordered for video_id in self._aside[why] if video_id in kept]

    def standing_out(self, video_id: str) -> tuple[str, float] | None:
        """The audit score by which a picked sample is worst, and the share of samples that are at least as bad."""
        rank, _, name = self._ranks.get(video_id, (2.0, 0.0, ""))
        return (name, rank) if name in self.audits else None

    def _samples(self) -> list[str]:
        for name, heap in self._worst.items():
            for badness, video_id in heap:
                if name == "marks":
                    rank = (0.0, -badness, name)
                elif name == "ratio":
                    rank = (2.0, -badness, name)  # after every rank by an audit
                elif GOOD[name] == "low":
                    rank = (self.audits[name].share_from(badness), 0.0, name)
                else:
                    rank = (self.audits[name].share_up_to(-badness), 0.0, name)
                self._ranks[video_id] = min(self._ranks.get(video_id, rank), rank)
        return sorted(self._ranks, key=lambda video_id: (self._ranks[video_id], video_id))
