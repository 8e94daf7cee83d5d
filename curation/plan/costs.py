"""The costs of the settled videos of a workspace, read from its ledger and measured in its store."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from curation.dataset.export import pictures_of
from curation.dataset.write import export
from curation.frames.files import frames_key
from curation.ledger import tables
from curation.ledger.entries import Entry
from curation.ledger.samples import sample
from curation.ledger.stages import EXPORT, LANES, ROLES, STAGES, Lane
from curation.ledger.standing import State
from curation.pipeline.services import Services
from curation.pipeline.settings import columns_of
from curation.pipeline.turns import RECOGNISER, lane_of, recognises
from curation.status.standings import Standings, VideoStanding
from schemas.configuration.config import CurateConfig
from schemas.records import Extract, FrameSet, Sample, Video
from schemas.time import FrameIndex

QUANTITIES = (
    *(f"{role}_{name}" for role in ROLES for name in ("requests", "tokens_in", "tokens_out", "seconds")),
    f"{RECOGNISER}_seconds",
    *(f"{lane}_seconds" for lane in LANES),
    *("store_bytes", "export_bytes", "export_seconds", "passing_bytes"),
)
MOST = 1000  # videos; more of them make no interval noticeably narrower


class Span(NamedTuple):
    """When a stage worked on a video: Unix times in seconds."""

    lane: Lane
    began: float
    ended: float


class Probed(NamedTuple):
    """Settled videos: `cost` (videos, places, QUANTITIES), `entered` (videos, places), `spans` a video.

    The places are those of `column`.

    `store_bytes` stay in the workspace, `passing_bytes` are pictures that lie there until their shard is finished.
    `settled` is how many there are in all, of which these are some. The seconds of a lane are those that a video took
    of its workers, whatever else ran beside it.
    """

    ids: tuple[str, ...]
    states: tuple[State, ...]
    entered: NDArray[np.bool_]
    cost: NDArray[np.float64]
    spans: tuple[tuple[Span, ...], ...]
    settled: int


def gather(services: Services, first: Iterable[str] = ()) -> Probed:
    """The costs of at most MOST videos that are settled under the present settings, those in `first` before others.

    A retryable video counts as well, since other videos may fail in the same way. Samples are exported to a scratch
    folder to measure their size. Raises StorageFull and OSError.
    """
    settled = {one.source.id: one.where.state for one in Standings(services.view).walk() if is_settled(one)}
    chosen = [video for video in dict.fromkeys(first) if video in settled][:MOST]
    named = set(chosen)
    chosen += [video for video in settled if video not in named][: MOST - len(chosen)]
    entered = np.zeros((len(chosen), columns()), bool)
    cost = np.zeros((len(chosen), columns(), len(QUANTITIES)))
    spans: list[tuple[Span, ...]] = []
    seen, known = set[str](), {stage.name for stage in STAGES.every}
    inflation = _ledger_inflation(services)
    for row, video in enumerate(chosen):
        entries = {e.head.stage: e for e in services.ledger.entries(video) if e.head.stage in known}
        for stage, entry in entries.items():
            entered[row, column(stage)] = True
            for name, value in costs_of(entry, services.config).items():
                cost[row, column(stage), QUANTITIES.index(name)] += value
        for stage, name, value in _bytes(services, entries, seen, inflation):
            cost[row, column(stage), QUANTITIES.index(name)] += value
        spans.append(tuple(_spans(entries.values(), services.config)))
    finished = [video for video in chosen if settled[video] == "sample"]
    for video, (size, took) in _export_costs(services, finished).items():
        last = cost[chosen.index(video), column(EXPORT)]
        last[QUANTITIES.index("export_bytes")], last[QUANTITIES.index("export_seconds")] = size, took
    states = tuple(settled[video] for video in chosen)
    return Probed(tuple(chosen), states, entered, cost, tuple(spans), len(settled))


def column(stage: str) -> int:
    """The place of a stage, or of the export, which comes last, in the arrays."""
    return STAGES.places_of_rejection.index(stage) - 1


def columns() -> int:
    """How many places there are."""
    return len(STAGES.every) + 1


def is_settled(video: VideoStanding) -> bool:
    """Whether a video tells what others may cost: it is not pending, and no unusable list row."""
    return bool(video.source.payload) and video.where.state != "pending"


def busy_seconds(spans: Iterable[Span], lane: str) -> float:
    """Wall seconds in which a lane worked on at least one video."""
    total, until = 0.0, float("-inf")
    for span in sorted((s for s in spans if s.lane == lane), key=lambda s: s.began):
        total += max(0.0, span.ended - max(span.began, until))
        until = max(until, span.ended)
    return total


def most_at_once(spans: Iterable[Span], lane: str) -> int:
    """The largest number of videos that a lane worked on at the same time."""
    changes = [change for s in spans if s.lane == lane for change in ((s.began, 1), (s.ended, -1))]
    most = now = 0
    for _, by in sorted(changes):
        now += by
        most = max(most, now)
    return most


def costs_of(entry: Entry, config: CurateConfig) -> dict[str, float]:
    """What a result has cost, by QUANTITIES; without the bytes that it takes."""
    stage = entry.head.stage
    costs: dict[str, float] = {}
    if role := STAGES.charged_to(stage):
        costs[f"{role}_requests"] = entry.effort.attempts
        costs[f"{role}_tokens_in"] = entry.effort.tokens_in
        costs[f"{role}_tokens_out"] = entry.effort.tokens_out
        costs[f"{role}_seconds"] = entry.seconds
    elif recognises(stage, config):
        costs[f"{RECOGNISER}_seconds"] = entry.seconds
    if lane := lane_of(stage, config):
        costs[f"{lane}_seconds"] = entry.seconds
    return costs


def _spans(entries: Iterable[Entry], config: CurateConfig) -> Iterator[Span]:
    for entry in entries:
        if lane := lane_of(entry.head.stage, config):
            yield Span(lane, entry.made_at - entry.seconds, entry.made_at)


def _bytes(
    services: Services, entries: dict[str, Entry], seen: set[str], inflation: float
) -> Iterable[tuple[str, str, float]]:
    """Bytes of a video in the store and in the ledger: (stage, quantity, bytes); a shared file counts once."""
    for stage, entry in entries.items():
        yield stage, "store_bytes", inflation * len(tables.packed(entry.payload))
    if not _done(entries, "download"):
        return
    video = Video.model_validate_json(entries["download"].payload)
    if video.sha256 not in seen:
        seen.add(video.sha256)
        # A clone of the user's own file (btrfs, XFS) takes less, which no file system tells.
        for size in services.store.sizes([video]).values():
            yield "download", "store_bytes", size
    if not _done(entries, "frames"):
        return
    folder = services.store.frames(frames_key(video.sha256, services.config.frames))
    sizes = [path.stat().st_size for path in folder.glob("*.jpg")] if folder.exists() else []
    yield "frames", "store_bytes", sum(sizes)
    if sizes:
        sampled = len(FrameSet.model_validate_json(entries["frames"].payload).frames)
        yield "frames", "passing_bytes", max(sampled - len(sizes), 0) * sum(sizes) / len(sizes)


def _ledger_inflation(services: Services) -> float:
    """Bytes of the ledger's file for each byte of a record: the file also holds replies, indices and older results."""
    name = services.ledger.engine.url.database
    with services.ledger.engine.connect() as connection:
        records = connection.execute(sa.select(sa.func.sum(sa.func.length(tables.results.c.payload)))).scalar() or 0
    if services.ledger.engine.dialect.name != "sqlite" or not name or not records:
        return 1.0
    return max(1.0, Path(name).stat().st_size / float(records))


def _done(entries: dict[str, Entry], stage: str) -> bool:
    return stage in entries and entries[stage].head.status == "done"


def _export_costs(services: Services, finished: Sequence[str], most: int = 200) -> dict[str, tuple[float, float]]:
    """Bytes and seconds of samples in an export. Some are exported, and the sum is divided by pictures and records."""
    ids = sorted(finished[:most])
    if not ids:
        return {}
    weights = {}
    read = pictures_of(services)
    pictures: dict[str, int] = {}

    def counted(one: Sample, index: FrameIndex) -> bytes:
        data = read(one, index)
        pictures[one.video.id] = pictures.get(one.video.id, 0) + len(data)
        return data

    began = time.monotonic()
    columns = columns_of(services.config)
    with services.store.scratch() as folder:
        out = folder / "export"
        export(
            (sample(services.ledger, i) for i in ids),
            counted,
            services.config.export,
            out,
            name="plan",
            columns=columns,
        )
        written = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    took = time.monotonic() - began
    for video in ids:
        entries = {e.head.stage: e for e in services.ledger.entries(video)}
        weights[video] = pictures.get(video, 0) + sum(len(e.payload) for e in entries.values())
        if services.config.frames.keep == "none":  # decoded again for this measurement
            whole = Video.model_validate_json(entries["download"].payload)
            services.pictures.thin(whole, Extract.model_validate_json(entries["extract"].payload).keyframes)
    total = sum(weights.values())
    shares = {video: weights[video] / total if video in weights else 1 / len(ids) for video in finished}
    return {video: (written * share, took * share) for video, share in shares.items()}
