"""Measures what the driver of a run on several nodes spends on a video: it reads what nodes commit, and feeds alarms.

The videos are of realistic size: 183 frames, each with a caption of its own, and 35 keyframes.
"""

from __future__ import annotations

import random
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.release import FRAMES, KEYFRAMES, sample_of
from curation.binding.withdrawal import keep_canaries
from curation.ledger.databases import open_shared
from curation.ledger.entries import record_entry
from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from curation.pipeline.failure_watch import FailureWatch
from curation.pipeline.nodes.watch import NodeWatch
from curation.pipeline.services import Services
from curation.store.store import Store
from schemas.audit import Audit
from schemas.binding import Binding, CanaryOutcome, CanaryOutcomes
from schemas.configuration.loading import load_config
from schemas.records import Judgement, Record
from schemas.repository import ROOT
from schemas.time import FrameIndex

ROUNDS, VIDEOS = 4, 64  # a round is what is committed between two looks; the windows are full after the first
_RIGHT = CanaryOutcome(picture="p", seed="s", words=(("red",),), said="A red circle.", right=True)
_CHECKED = Binding(checked=True, asked=2, right=2, captions=16, compared=128, matched=120, margin=0.2)


def driver_cost(schema: str) -> dict[str, Any]:
    """The milliseconds of a video at the driver: of its clock, and of its processor. Best of several rounds."""
    config = load_config(ROOT / "configs" / "demo.yaml", [])
    best: list[tuple[float, float]] = []
    with closing(open_shared(schema)) as ledger, tempfile.TemporaryDirectory() as folder:
        services = Services(config, ledger, Store(Path(folder) / "store"))
        watch = NodeWatch(ledger, services.binding, FailureWatch(20))
        for number in range(ROUNDS):
            ids = [f"driver {number} {video}" for video in range(VIDEOS)]
            watch.given(ids)
            for video in range(VIDEOS):
                _commit(ledger, ids[video], number * VIDEOS + video)
            watch.done(ids)
            began, cpu = time.perf_counter(), time.process_time()
            watch.look()
            if number:
                best.append((time.perf_counter() - began, time.process_time() - cpu))
    clock, processor = (min(times) / VIDEOS * 1000 for times in zip(*best, strict=True))
    return {"driver_ms_a_video": round(clock, 2), "driver_cpu_ms_a_video": round(processor, 2)}


def _commit(ledger: Ledger, name: str, number: int) -> None:
    """What a node commits of a video whose keyframes are like those of no other."""
    made = sample_of(number)
    chosen = sorted(random.Random(number).sample(range(FRAMES), KEYFRAMES))
    records: dict[str, Record] = {
        "download": made.video,
        "filter": Judgement(scores=()),
        "frames": made.frames,
        "caption": made.captions,
        "binding": _CHECKED,
        "extract": made.extract.model_copy(update={"keyframes": tuple(map(FrameIndex, chosen))}),
        "refine": made.summary,
        "audit": Audit(mode="disable"),
    }
    keep_canaries(ledger, name, CanaryOutcomes(outcomes=(_RIGHT, _RIGHT)))
    for stage in STAGES.names:
        ledger.write(record_entry(name, stage, "f" * 64, records[stage], 0.0), (), first=True)
