"""Runs a consumer in a clean environment: an own process, home, cache and folder, no configuration, no network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from curation.release.consumers.child import ABOUT, FULL
from curation.release.consumers.plan import Part, ReadingPlan
from schemas.errors import StorageFull
from schemas.repository import ROOT
from schemas.safe_text import plain

_POLL_SECONDS = 0.2
_START_SECONDS, _BYTES_A_SECOND, _ROWS_A_SECOND = 180.0, 5e6, 20_000.0
# A thread of a library may still read ahead. Where Python ends below it, the process aborts after its work is done.
_CODE = (
    "import os, sys; sys.path.insert(0, sys.argv[1]); "
    "from curation.release.consumers.child import main; code = main(*sys.argv[2:]); "
    "sys.stdout.flush(); sys.stderr.flush(); os._exit(code)"
)
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # some installations need them to load their libraries


class Consumer(NamedTuple):
    """A program that reads releases: `module` has `read(plan, part)`; it is named, for it runs in another process.

    `package`: the distribution of its library; `imports`: the module that must be installed for it; `takes`: the
    configurations that it reads, None for all, none where it looks at other files of the release.
    """

    name: str
    module: str
    package: str
    imports: str
    takes: tuple[str, ...] | None = None

    def reads(self, part: Part) -> bool:
        """Whether it reads a part."""
        return self.takes is None or part.configuration in self.takes


class Outcome(NamedTuple):
    """What came of a consumer: the version of its library, parts that it could not read, and what went wrong at all.

    `failed`: why, by the number of the part; `faults`: what it found beyond the answers; `ended`: why it did not come
    to an end, None when it did.
    """

    version: str
    failed: dict[int, str]
    faults: list[str]
    ended: str | None = None


def run_consumer(
    consumer: Consumer, plan: ReadingPlan, folder: Path, raise_if_stopped: Callable[[], None] = lambda: None
) -> Outcome:
    """Let a consumer read the parts of a plan; its answers lie in `folder / "out"` afterwards.

    `folder` is a new, empty one for this consumer. `raise_if_stopped` is called several times a second. The time is
    bounded by the bytes and the rows of the release. Raises StorageFull, OSError, and what `raise_if_stopped` raises.
    """
    paths = {name: folder / name for name in ("out", "home", "tmp", "work")}
    for path in paths.values():
        path.mkdir()
    plan_file, log = folder / "plan.json", folder / "log"
    plan_file.write_text(plan.canonical(), encoding="utf-8")
    words = [consumer.module, consumer.package, str(plan_file), str(paths["out"])]
    words.append("*" if consumer.takes is None else ",".join(consumer.takes))
    limit = seconds_for(plan)
    with log.open("wb") as stream:
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", _CODE, str(ROOT), *words],
            env=_environment(paths["home"], paths["tmp"]),
            cwd=paths["work"],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        try:
            timely = _wait(child, limit, raise_if_stopped)
        finally:
            _end(child)
    if not timely:
        return Outcome("", {}, [], f"was not done after {limit:.0f} s")
    if child.returncode == FULL:
        raise StorageFull(f"no space left for temporary files of the consumer check ({folder.parent})")
    if child.returncode:
        return Outcome("", {}, [], f"ended with {_exit(child.returncode)}: {_last_line(log)}")
    about = json.loads((paths["out"] / ABOUT).read_bytes())
    failed = {int(number): why for number, why in about["failed"].items()}
    return Outcome(about["version"], failed, about["faults"])


def seconds_for(plan: ReadingPlan) -> float:
    """The time that a consumer may take, in seconds: several times what a slow machine needs."""
    files = [file for part in plan.parts for file in part.files]
    return (
        _START_SECONDS
        + sum(file.bytes for file in files) / _BYTES_A_SECOND
        + sum(file.rows for file in files) / _ROWS_A_SECOND
    )


def _environment(home: Path, temporary: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "PATH": os.defpath,
        "HOME": str(home),
        "HF_HOME": str(home / "huggingface"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "OMP_WAIT_POLICY": "passive",
    }


def _wait(child: subprocess.Popen[bytes], limit: float, raise_if_stopped: Callable[[], None]) -> bool:
    """Wait until a child has ended; False when that takes longer than `limit` seconds."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        raise_if_stopped()
        try:
            child.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return True
    return False


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child, and what it started: they are the only members of its session."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _exit(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"the signal {-code}"


def _last_line(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(log.stat().st_size - 4000, 0))
        lines = stream.read().decode("utf-8", "replace").split("\n")
    return plain(next((line for line in reversed(lines) if line.strip()), "without a word"), 300)
