"""What a person sees while a run goes on: bars on a terminal, JSON lines when it is not one."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from curation.pipeline import STAGE_NAMES
from curation.publishable import plain_line
from tasks.run import Counts

_EVERY_SECONDS = 2.0


def plain(text: str, limit: int = 200) -> str:
    """Hostile text for a terminal: one line, no control or direction characters, cut to `limit` characters."""
    line = plain_line(text)
    return line if len(line) <= limit else line[: limit - 1] + "…"


class Display:
    """Shows a run's counts on a stream (stderr by default, so that stdout stays for results)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Bars when the stream is a terminal, a JSON line every two seconds when not."""
        self._stream = stream or sys.stderr
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._said = 0.0
        self._total = 0
        self._last: Counts | None = None

    def __enter__(self) -> Display:
        """Start to show."""
        if self._stream.isatty():
            self._bars = Progress(
                TextColumn("{task.description:9}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeElapsedColumn(),
                console=Console(file=self._stream),
            )
            self._tasks = {stage: self._bars.add_task(stage, total=None, note="") for stage in STAGE_NAMES}
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
            self._said = time.monotonic()
            self._line(counts)

    def _line(self, counts: Counts) -> None:
        line = {"event": "progress", "stages": counts.rows(), "downloaded_mb": round(counts.megabytes, 1)}
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()
