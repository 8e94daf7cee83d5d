"""The loop that runs one stage over videos; every outcome becomes a row of the ledger."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol, TypeVar

import sqlalchemy as sa

from curation.ledger.entries import Registered, record_entry, rejection_entry
from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from curation.ledger.standing import StageHashes, Standing, fingerprint_of, standing
from curation.pipeline.failure_watch import MOMENT, FailureWatch, counts_as_alike
from schemas.errors import (
    ConfigError,
    Interrupted,
    MachineTrouble,
    PoisonError,
    RunStopped,
    StageError,
    StorageFull,
    TransientError,
    is_storage_full,
)
from schemas.kit.blame import blame, in_one_line, trace_of
from schemas.records import Record, Rejection, Source

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)


class Inputs:
    """The inputs of a stage for one video: the source and the current records of earlier stages, loaded on demand."""

    def __init__(self, source: Registered, ledger: Ledger) -> None:
        """Bind a video to the ledger."""
        self.id = source.id
        self._registered = source
        self._ledger = ledger

    @property
    def source(self) -> Source:
        """The source record."""
        return Source.model_validate_json(self._registered.payload)

    def record(self, stage: str, kind: type[R]) -> R:
        """The current record of an earlier stage. Raises KeyError when there is none."""
        entry = self._ledger.entry(self.id, stage)
        if entry is None or entry.head.status != "done":
            raise KeyError(f"{self.id}: no finished {stage}")
        return kind.model_validate_json(entry.payload)

    def made_before(self, stage: str, settings: Iterable[str], kind: type[R]) -> R | None:
        """What an earlier run made of the same source at a stage that reads nothing else; None where none did.

        It is the first that there is under one of these settings (their hashes), also if `v2xum retry` put it aside.
        """
        for one in settings:
            fingerprint = fingerprint_of(STAGES[stage], one, [self._registered.digest])
            entry = self._ledger.entry(self.id, stage, fingerprint)
            if (entry := entry or self._ledger.outdated(self.id, stage, fingerprint)) is not None:
                return kind.model_validate_json(entry.payload)
        return None


class Progress(Protocol):
    """Receives the outcome of a stage for every video."""

    def advance(self, stage: str, outcome: Literal["made", "reused", "rejected"]) -> None:
        """Count one video."""
        ...


_STOPPED = "stopped before the end; the same command goes on from here"


def process(
    stage: str,
    ids: Sequence[str],
    *,
    ledger: Ledger,
    hashes: StageHashes,
    work: Callable[[Inputs], Record],
    progress: Progress,
    stop: threading.Event,
    workers: int = 1,
    turn: Callable[[int], AbstractContextManager[None]] = lambda _position: nullcontext(),
    watch: FailureWatch | None = None,
    tried: set[str] | None = None,
) -> None:
    """Run one stage over the videos for which it is due; the other videos are left as they are.

    `turn(position)` is entered for the work on a video, by its position among the sources (turns.py). `tried` holds the
    videos that this run carried through the stage before, and gets those of this call: a run counts a video once, and
    leaves what failed for now to the next run.

    A StageError becomes a rejection row, and so does an unexpected error (class `poison`, with its text): one video
    never stops the others. What is no video's fault (schemas/kit/blame.py) becomes a transient row, or MachineTrouble.
    Raises StorageFull when the device is full, Interrupted when `stop` is set, AllAlike when `watch` sees that every
    video fails, RunStopped, and ConfigError when a model cannot be used. Finished results are kept.
    """
    watch = watch or FailureWatch(0)
    tried = tried if tried is not None else set()
    heads = ledger.heads(ids)
    duplicates = ledger.duplicates(ids)
    older = ledger.older(stage, ids)
    # A sample has no part of the earlier results of an optional stage that is off.
    off = set(STAGES.optional) - hashes.on
    if aside := {video_id: [*off & found.keys()] for video_id, found in heads.items() if off & found.keys()}:
        ledger.set_aside(aside)
    retired = STAGES.later(stage)
    rewritten = {stage, *retired}
    due: list[tuple[Registered, Standing]] = []
    for source in ledger.sources(ids):
        where = standing(source, heads.get(source.id, {}), hashes)
        if where.stage == stage and source.id not in duplicates:
            if where.state != "retryable" or source.id not in tried:
                due.append((source, where))
        elif source.id not in tried and (where.state == "sample" or stage in heads.get(source.id, {})):
            tried.add(source.id)
            progress.advance(stage, "reused")

    def one(item: tuple[Registered, Standing]) -> None:
        if stop.is_set():
            raise Interrupted(_STOPPED)
        source, where = item
        first = rewritten.isdisjoint(heads.get(source.id, {}))
        try:
            with turn(source.position):
                outcome = _carry(
                    stage, source, where, older.get(source.id, set()), retired, first, ledger, work, stop, watch
                )
        except (OSError, sa.exc.OperationalError) as error:
            if is_storage_full(error):
                raise _full(error) from error
            raise
        tried.add(source.id)
        progress.advance(stage, outcome)

    if workers == 1:
        for item in due:
            one(item)
        return
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix=stage) as pool:
        futures = [pool.submit(one, item) for item in due]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _carry(
    stage: str,
    source: Registered,
    where: Standing,
    older: set[str],
    retired: Sequence[str],
    first: bool,
    ledger: Ledger,
    work: Callable[[Inputs], Record],
    stop: threading.Event,
    watch: FailureWatch,
) -> Literal["made", "reused", "rejected"]:
    for fingerprint in where.fingerprints:
        if fingerprint in older:
            ledger.adopt(source.id, stage, fingerprint, retired)
            return "reused"
    started = time.monotonic()
    try:
        record = work(Inputs(source, ledger))
    except (RunStopped, ConfigError):
        raise
    except sa.exc.OperationalError:
        raise  # a database that is locked or gone says nothing about the video: the task is tried again
    except Exception as error:
        if stop.is_set():  # a failure while the run stops says nothing about the video
            raise Interrupted(_STOPPED) from error
        if is_storage_full(error):
            raise _full(error) from error
        failure = _failure(stage, source.id, error)
        _reject(stage, source, where, retired, ledger, failure, time.monotonic() - started)
        if counts_as_alike(stage, failure):
            watch.failed(stage, source.id, error, charged=failure.error_class == "poison")
        return "rejected"
    entry = record_entry(source.id, stage, where.fingerprints.done, record, time.monotonic() - started)
    ledger.write(entry, retired, first=first)
    watch.succeeded(stage)
    return "made"


def _failure(stage: str, video_id: str, error: Exception) -> StageError:
    """The error that a video's row is about. Raises MachineTrouble where no row may be about it."""
    whose = blame(error)
    if whose == "machine":
        raise MachineTrouble(
            f"{stage}: {in_one_line(error)}. This is no video's fault, and none is charged with it: mend the cause, "
            "and the same command goes on"
        ) from error
    if whose == "moment" and not (isinstance(error, StageError) and error.error_class == "transient"):
        log.warning("stage %s, video %s: %s", stage, video_id, in_one_line(error))
        return TransientError(MOMENT, in_one_line(error, 2000))
    if isinstance(error, StageError):
        return error
    # A fault of the program in one video must not stop the others: it is logged and becomes a row.
    log.error("stage %s, video %s: unexpected error\n%s", stage, video_id, trace_of(error))
    return PoisonError("unexpected", in_one_line(error, 2000))


def _reject(
    stage: str,
    source: Registered,
    where: Standing,
    retired: Sequence[str],
    ledger: Ledger,
    error: StageError,
    seconds: float,
) -> None:
    fingerprint = where.fingerprints.of(error.error_class)
    before = ledger.entry(source.id, stage, fingerprint)
    rejection = Rejection(
        id=source.id, stage=stage, error_class=error.error_class, reason=error.reason, evidence=error.evidence[:4000]
    )
    attempts = 1 + (before.attempts if before is not None else 0)
    ledger.write(rejection_entry(rejection, fingerprint, attempts, seconds), retired)


def _full(error: BaseException) -> StorageFull:
    return StorageFull(f"no space left for the workspace ({error})")
