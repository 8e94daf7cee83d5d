"""Kills runs at random moments and goes on with the same command: what is exported in the end must be the same bytes.

Baseline: the export of an undisturbed run. The real command, decoders and checkpoints run over demo films, with several
shards in flight. A workspace is killed in its first, second, third ... run (kill -9, SIGTERM, Ctrl-C), until one of its
runs ends by itself. Every second workspace begins with the finished first videos, so that its kills hit a later run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.processes import Running
from curation.video.encode import encode_video
from demo.render import frames
from demo.world import make_script
from flows.local.progress import PROGRESS
from schemas.repository import ROOT

VIDEOS = 6
FIRST = 3  # videos that a workspace begins with, where it begins with some
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
_MOST_KILLS = 4  # of one workspace
_END_SECONDS = 600.0
_STOP_SECONDS = 60.0
# The defaults of a run, of which the demo's configuration has others; three shards are in flight.
SETTINGS = ("run.shard_size=2", "run.shards_in_flight=4")


@dataclass
class Findings:
    """How many kills of each signal there were, and what was wrong with the exports of the runs that ended."""

    kills: Counter[str] = field(default_factory=Counter)
    by_run: Counter[int] = field(default_factory=Counter)
    ended: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    wrong_ends: list[str] = field(default_factory=list)
    stop_seconds: list[float] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The findings as keys of JSON."""
        waits = sorted(self.stop_seconds)
        return {
            "kills": self.kills.total(),
            "signals": dict(sorted(self.kills.items())),
            "kills_by_run": {str(run): count for run, count in sorted(self.by_run.items())},
            "runs_that_ended": self.ended,
            "lost": len(self.lost),
            "doubled": len(self.doubled),
            "different": len(self.different),
            "wrong_ends": len(self.wrong_ends),
            "stop_seconds_median": round(median(waits), 1) if waits else None,
            "stop_seconds_most": round(waits[-1], 1) if waits else None,
            "details": [*self.lost, *self.doubled, *self.different, *self.wrong_ends],
        }

    def compare(self, name: str, found: Mapping[str, bytes], right: Mapping[str, bytes]) -> None:
        """Note how an export (its files by path) differs from the undisturbed one."""
        self.ended += 1
        rows, expected = rows_of(found), rows_of(right)
        self.lost += [f"{name}: {video} is lost" for video in sorted(expected.keys() - rows.keys())]
        self.doubled += [f"{name}: {video} stands {n} times" for video, n in sorted(rows.items()) if n > 1]
        wrong = sorted(path for path in found.keys() | right.keys() if found.get(path) != right.get(path))
        if wrong:
            self.different.append(f"{name}: {', '.join(wrong)}")


def launch(words: list[str], log: Path) -> Running:
    """Start the command line as the leader of a process group; what it says on standard error goes to `log`."""
    with log.open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *words], cwd=ROOT, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=said, start_new_session=True,
        )  # fmt: skip


class Campaign:
    """Kills of one command over one folder of films."""

    def __init__(
        self,
        folder: Path,
        films: Path,
        seed: int,
        settings: tuple[str, ...] = SETTINGS,
        start: Callable[[list[str], Path], Running] = launch,
    ) -> None:
        """Work in `folder`; `seed` decides signals and moments; `start` starts the command line as `launch` does."""
        self._folder = folder
        self._launch = start
        arguments = ["curate", str(ROOT / "configs" / "demo.yaml"), "--source", str(films)]
        self._words = [*arguments, *(f"--set={setting}" for setting in settings)]
        self._random = random.Random(seed)
        self.findings = Findings()

    def prepare(self) -> float:
        """Make the undisturbed workspace and one with the first videos only; return the seconds of the first."""
        began = time.monotonic()
        self._finish(self._folder / "undisturbed")
        seconds = time.monotonic() - began
        self._finish(self._folder / "first", "--limit", str(FIRST))
        self._right = files_of(self._folder / "undisturbed" / "export")
        self._rows = written(self._folder / "undisturbed")
        self._seconds = seconds
        return seconds

    def kill(self, kills: int) -> None:
        """Kill so many times, in as many workspaces as it takes; then let the last one come to its end."""
        number = 0
        while self.findings.kills.total() < kills:
            number += 1
            workspace = self._folder / f"workspace-{number:03d}"
            if number % 2 == 0:
                shutil.copytree(self._folder / "first", workspace)
            left = min(self._random.randint(1, _MOST_KILLS), kills - self.findings.kills.total())
            run = 1 + (number % 2 == 0)
            while left and not self._killed(workspace, run):
                left, run = left - 1, run + 1
            if not left:
                self._finish(workspace)
            self.findings.compare(workspace.name, files_of(workspace / "export"), self._right)
            if not self.findings.document()["details"]:
                shutil.rmtree(workspace)  # one with a fault is kept, to be looked at

    def _killed(self, workspace: Path, run: int) -> bool:
        """Start a run and kill it at a random moment. True when it ended by itself before that."""
        hits = self.findings.kills
        # Runs that end by themselves draw too: each signal shall have its share whatever their number.
        number = self._random.choice([s for s in SIGNALS if hits[s.name] == min(hits[o.name] for o in SIGNALS)])
        process = self._start(workspace)
        self._wait(process, workspace)
        began = time.monotonic()
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                # Ctrl-C reaches the whole group of a terminal; SIGTERM is sent to the process.
                (os.kill if number == signal.SIGTERM else os.killpg)(process.pid, number)
        try:
            code = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._note(f"{workspace.name}: {number.name} did not end the run within {_STOP_SECONDS:g} s")
            process.kill()
            code = process.wait()
        if code == 0:  # it was done, or had only its end before it
            return True
        self.findings.kills[number.name] += 1
        self.findings.by_run[run] += 1
        if number != signal.SIGKILL:
            self.findings.stop_seconds.append(time.monotonic() - began)
        # Before a run listens, the system's own way holds: the process dies by the signal.
        if code not in (-number, _CODES.get(number)):
            self._note(f"{workspace.name}: exit code {code} after {number.name}\n{self._said(workspace)}")
        return False

    def _wait(self, process: Running, workspace: Path) -> None:
        """Wait for a random moment: mostly while rows are written, sometimes at the start or during the export."""
        kind = self._random.random()
        if kind < 0.15:
            _pause(process, self._random.random() * self._seconds / 2)
            return
        have = written(workspace)
        goal = self._rows if kind > 0.85 else self._random.randint(min(have, self._rows), self._rows)
        deadline = time.monotonic() + _END_SECONDS
        while process.poll() is None and written(workspace) < goal and time.monotonic() < deadline:
            time.sleep(0.05)
        _pause(process, self._random.random() * (4.0 if kind > 0.85 else 1.0))

    def _finish(self, workspace: Path, *more: str) -> None:
        """Let a run come to its end. Raises RuntimeError when it does not end with exit code 0."""
        code = self._start(workspace, *more).wait(_END_SECONDS)
        if code:
            raise RuntimeError(
                f"{workspace.name}: a run that nobody disturbed ended with {code}\n{self._said(workspace)}"
            )

    def _start(self, workspace: Path, *more: str) -> Running:
        return self._launch([*self._words, "--workspace", str(workspace), *more], self._log(workspace))

    def _log(self, workspace: Path) -> Path:
        return self._folder / f"{workspace.name}.log"

    def _said(self, workspace: Path) -> str:
        lines = self._log(workspace).read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if not line.startswith(PROGRESS)][-20:])

    def _note(self, what: str) -> None:
        self.findings.wrong_ends.append(what)


def render(folder: Path, count: int = VIDEOS) -> None:
    """Render demo films of 40 s and more, with two pictures a second: enough for a sampling of one."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        script = make_script(42_000_000 + number, 40 + number % 3)
        encode_video(folder / f"film {number}.mp4", frames(script, 2), fps=2, options={"preset": "ultrafast"})


def written(workspace: Path) -> int:
    """Rows that the ledger holds: results and replies."""
    try:
        address = f"file:{workspace / 'ledger.sqlite'}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            counts = [connection.execute(f"SELECT count(*) FROM {t}").fetchone() for t in ("results", "replies")]
            return sum(int(count[0]) for count in counts)
    except sqlite3.Error:
        return 0


def files_of(export: Path) -> dict[str, bytes]:
    """Every file of an export by its relative path."""
    return {path.relative_to(export).as_posix(): path.read_bytes() for path in export.rglob("*") if path.is_file()}


def rows_of(files: Mapping[str, bytes]) -> Counter[str]:
    """How often each id stands in the rows of an export, by its files in upstream's shape."""
    documents = [json.loads(content) for path, content in files.items() if path.startswith("json/")]
    return Counter(row["id"] for document in documents for row in document)


def _pause(process: Running, seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def measure(
    kills: int,
    seed: int,
    folder: Path,
    videos: int = VIDEOS,
    start: Callable[[list[str], Path], Running] = launch,
) -> dict[str, Any]:
    """Kill `kills` times. Returns the findings; `folder` keeps the workspaces that were wrong."""
    render(folder / "films", videos)
    campaign = Campaign(folder, folder / "films", seed, start=start)
    began = time.monotonic()
    undisturbed = campaign.prepare()
    campaign.kill(kills)
    return {
        "seed": seed,
        "videos": videos,
        **campaign.findings.document(),
        "undisturbed_seconds": round(undisturbed, 1),
        "seconds": round(time.monotonic() - began),
    }


def main() -> None:
    """Run the benchmark and print one line of JSON; exit code 1 when anything was lost, doubled or different."""
    parser = argparse.ArgumentParser(prog="v2xum bench kills", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--videos", type=int, default=VIDEOS)
    parser.add_argument("--folder", type=Path, help="keep everything there, to look at what went wrong")
    parser.add_argument("--json", action="store_true", help="it always answers in JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(options.kills, options.seed, (options.folder or Path(temporary)).resolve(), options.videos)
    print(json.dumps(found))
    if found["details"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
