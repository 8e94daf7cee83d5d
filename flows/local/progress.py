"""Shows the progress of a run: bars on a terminal; on any other stream lines to read, or JSON lines if asked."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from curation.ledger.stages import STAGES
from curation.pipeline.counts import Counts
from curation.pipeline.throughput import Rates
from models.meter import Reading
from schemas.kit.number_of import number_of
from schemas.safe_text import plain

_EVERY_SECONDS = 2.0  # between JSON lines
_READ_SECONDS = 10.0  # between lines to read
_QUIET_SECONDS = 30.0
PROGRESS = "progress: "  # how a line to read begins


def meter_keys(reading: Reading, rates: Rates) -> dict[str, Any]:
    """Return a meter's state as keys of a JSON line; rates are means over the last ten seconds."""
    return {
        "tokens_in_per_second": round(rates.tokens_in, 1),
        "tokens_out_per_second": round(rates.tokens_out, 1),
        "frames_per_second": round(rates.frames, 1),
        "tokens_in": reading.tokens_in,
        "tokens_out": reading.tokens_out,
        "replies": reading.replies,
        "cached": reading.cached,
        "in_flight": reading.in_flight,
        "queued": reading.queued,
        "limit": sum(reading.limits.values()) if reading.limits else None,
        "retries": reading.retries,
        "failures": reading.failures,
        "waits": {name: round(seconds, 1) for name, seconds in reading.waits.items()},
        "paused": plain(reading.paused) if reading.paused is not None else None,
    }


def meter_line(reading: Reading, rates: Rates) -> Text:
    """Return a meter's state as text for a terminal; when the models are paused, a second line gives the reason."""
    line = Text("models    " + " · ".join(_of_models(reading, rates)), style="cyan")
    if reading.paused is not None:
        line.append(f"\npaused: {plain(reading.paused)}", style="bold red")
    return line


def counts_line(counts: Counts, videos: int) -> str:
    """The counts as a line to read: how many of the run's videos came through each stage, and how many did not.

    `videos` is 0 while their number is not known.
    """
    parts = []
    for stage, row in counts.rows().items():
        through, rejected = row["made"] + row["reused"], row["rejected"]
        if through or rejected or stage == STAGES.names[0]:
            notes = [f"{rejected:,} rejected"] if rejected else []
            notes += [f"{counts.megabytes:,.1f} MB"] if stage == "download" and counts.megabytes else []
            parts.append(f"{stage} {through:,}" + (f" ({', '.join(notes)})" if notes else ""))
    return PROGRESS + (f"{number_of(videos, 'video')}: " if videos else "") + ", ".join(parts)


def _of_models(reading: Reading, rates: Rates) -> list[str]:
    parts = [f"{rates.tokens_in:,.0f} tok/s in", f"{rates.tokens_out:,.0f} tok/s out", f"{rates.frames:,.1f} frames/s"]
    if reading.limits:
        parts.append(f"{reading.in_flight:,} of {sum(reading.limits.values()):,} in flight, {reading.queued:,} queued")
    troubles = (("retried", reading.retries), ("failed", reading.failures))
    parts += [f"{sum(kinds.values()):,} {word}" for word, kinds in troubles if kinds]
    if reading.cached:
        parts.append(f"{reading.cached:,} cached")
    return parts


class _Bars(Progress):
    """Progress bars with a line below them."""

    below: RenderableType = Text()

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        yield self.below


class Display:
    """Shows a run's counts on a stream; the default is stderr, because stdout is for results."""

    def __init__(self, stream: TextIO | None = None, *, as_json: bool = False) -> None:
        """Show bars when the stream is a terminal, else a line every ten seconds; `as_json`: JSON every two."""
        self._stream = stream or sys.stderr
        self._as_json = as_json
        self._every = _EVERY_SECONDS if as_json else _READ_SECONDS
        self._models: str | None = None
        self._bars: _Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began = time.monotonic()
        self._written = 0.0
        self._total = 0
        self._last: Counts | None = None
        self._keys: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Display:
        """Start the display."""
        if self._stream.isatty():
            self._bars = _Bars(
                TextColumn("{task.description:9}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeElapsedColumn(),
                console=Console(file=self._stream),
            )
            self._tasks = {stage: self._bars.add_task(stage, total=None, note="") for stage in STAGES.names}
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the last counts and stop the display."""
        if self._bars is not None:
            self._bars.stop()
        elif self._last is not None:
            self._line(self._last)

    def total(self, videos: int) -> None:
        """Set the number of videos of the run."""
        self._total = videos
        if self._bars is not None:
            for task in self._tasks.values():
                self._bars.update(task, total=videos)

    def show(self, stage: str, counts: Counts) -> None:
        """Show the counts after a stage finished one more video."""
        self._last = counts
        if self._bars is not None:
            row = counts.rows()[stage]
            note = f"[red]{row['rejected']} rejected[/red]" if row["rejected"] else ""
            if stage == "download":
                note = f"{counts.megabytes:.1f} MB {note}"
            for name in counts.rows().keys() - self._tasks.keys():  # an optional stage
                self._tasks[name] = self._bars.add_task(name, total=None, note="")
            self._bars.update(self._tasks[stage], completed=sum(row.values()), note=note)
            left = self._total  # later stages never see the videos that an earlier stage rejected
            for name, counted in counts.rows().items():
                self._bars.update(self._tasks[name], total=left)
                left -= counted["rejected"]
        elif time.monotonic() - max(self._written, self._began) >= self._every:
            self._line(counts)

    def meter(self, reading: Reading, rates: Rates) -> None:
        """Show what the models do: a line below the bars, or keys of JSON lines, even when no video advances."""
        if self._bars is not None:
            self._bars.below = meter_line(reading, rates)
            return
        before, self._keys = self._keys, meter_keys(reading, rates)
        paused = f"paused: {plain(reading.paused)}" if reading.paused is not None else None
        self._models = paused or (", ".join(_of_models(reading, rates)) if reading.replies else None)
        moved = self._keys != before
        if self._last is None:  # no stage has finished a video yet
            if time.monotonic() - max(self._written, self._began) >= _QUIET_SECONDS:
                self._line(Counts())
        elif time.monotonic() - max(self._written, self._began) >= (self._every if moved else _QUIET_SECONDS):
            self._line(self._last)

    def _line(self, counts: Counts) -> None:
        line = {"event": "progress", "stages": counts.rows(), "downloaded_mb": round(counts.megabytes, 1)}
        with self._lock:  # the threads of the stages and of the meter both write
            self._written = time.monotonic()
            if self._as_json:
                text = json.dumps(line | self._keys)
            else:
                text = counts_line(counts, self._total) + (f"; {self._models}" if self._models else "")
            self._stream.write(text + "\n")
            self._stream.flush()
