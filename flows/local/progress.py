"""What a person sees while a run goes on: bars on a terminal, JSON lines when it is not one."""

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
from schemas.safe_text import plain

_EVERY_SECONDS = 2.0
_QUIET_SECONDS = 30.0


def meter_keys(reading: Reading, rates: Rates) -> dict[str, Any]:
    """A meter's state for programs; rates are means of the last ten seconds."""
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
    """A meter's state for people, on one line where the terminal is wide enough."""
    parts = [f"{rates.tokens_in:,.0f} tok/s in", f"{rates.tokens_out:,.0f} tok/s out", f"{rates.frames:,.1f} frames/s"]
    if reading.limits:
        parts.append(f"{reading.in_flight:,} of {sum(reading.limits.values()):,} in flight, {reading.queued:,} queued")
    troubles = (("retried", reading.retries), ("failed", reading.failures))
    parts += [f"{sum(kinds.values()):,} {word}" for word, kinds in troubles if kinds]
    if reading.cached:
        parts.append(f"{reading.cached:,} cached")
    line = Text("models    " + " · ".join(parts), style="cyan")
    if reading.paused is not None:
        line.append(f"\npaused: {plain(reading.paused)}", style="bold red")
    return line


class _Bars(Progress):
    """Progress bars with a line below them."""

    below: RenderableType = Text()

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        yield self.below


class Display:
    """Shows a run's counts on a stream (stderr by default, so that stdout stays for results)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Bars when the stream is a terminal, a JSON line every two seconds when not."""
        self._stream = stream or sys.stderr
        self._bars: _Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began = time.monotonic()
        self._said = 0.0
        self._total = 0
        self._last: Counts | None = None
        self._keys: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Display:
        """Start to show."""
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
        """Stop to show, with the last counts."""
        if self._bars is not None:
            self._bars.stop()
        elif self._last is not None:
            self._line(self._last)

    def total(self, videos: int) -> None:
        """Say how many videos the run is about."""
        self._total = videos
        if self._bars is not None:
            for task in self._tasks.values():
                self._bars.update(task, total=videos)

    def show(self, stage: str, counts: Counts) -> None:
        """Show that a stage has got on with one more video."""
        self._last = counts
        if self._bars is not None:
            row = counts.rows()[stage]
            note = f"[red]{row['rejected']} rejected[/red]" if row["rejected"] else ""
            if stage == "download":
                note = f"{counts.megabytes:.1f} MB {note}"
            self._bars.update(self._tasks[stage], completed=sum(row.values()), note=note)
            left = self._total  # what an earlier stage rejected never reaches the later ones
            for name, counted in counts.rows().items():
                self._bars.update(self._tasks[name], total=left)
                left -= counted["rejected"]
        elif time.monotonic() - self._said >= _EVERY_SECONDS:
            self._line(counts)

    def meter(self, reading: Reading, rates: Rates) -> None:
        """Show what the models do: a line below the bars, or keys of the JSON lines. A stalled run is heard of, too."""
        if self._bars is not None:
            self._bars.below = meter_line(reading, rates)
            return
        before, self._keys = self._keys, meter_keys(reading, rates)
        moved = self._keys != before
        if self._last is None:  # not one video has got on yet
            if time.monotonic() - max(self._said, self._began) >= _QUIET_SECONDS:
                self._line(Counts())
        elif time.monotonic() - self._said >= (_EVERY_SECONDS if moved else _QUIET_SECONDS):
            self._line(self._last)

    def _line(self, counts: Counts) -> None:
        line = {"event": "progress", "stages": counts.rows(), "downloaded_mb": round(counts.megabytes, 1)}
        with self._lock:  # stages and the sampler of the meter both write
            self._said = time.monotonic()
            self._stream.write(json.dumps(line | self._keys) + "\n")
            self._stream.flush()
