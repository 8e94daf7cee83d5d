"""Starts long-running processes, waits until each is healthy, and ends all of them in the reverse order.

A part that ends while it is starting, or is not healthy in time, ends the whole start: what runs already is ended too.
What a part prints goes to a file of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from schemas.errors import RunStopped
from schemas.kit.local_process import end_with_parent

_PAUSE = 0.2
_STOP_SECONDS = 20.0
_GONE = 100  # looks at what is left of a session
_TOLD = 2000  # characters of a log


class Part(NamedTuple):
    """A process that runs: `healthy` says whether it works, within `seconds` of its start."""

    name: str
    process: subprocess.Popen[bytes]
    healthy: Callable[[], bool]
    seconds: float
    began: float


class Parts:
    """The processes of a stack, a context that ends them. Nothing else is ended: each is known by its own id."""

    def __init__(self, logs: Path, secrets: Iterable[str] = ()) -> None:
        """Write logs into the folder `logs`, which is made; `secrets` are left out of messages."""
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._logs, self._secrets = logs, tuple(secrets)
        self._parts: list[Part] = []

    def __enter__(self) -> Parts:
        """Nothing runs yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what runs."""
        self.stop()

    def begin(
        self,
        name: str,
        command: Sequence[object],
        environment: Mapping[str, str],
        healthy: Callable[[], bool] = lambda: True,
        seconds: float = 120.0,
    ) -> None:
        """Start a process, with nothing in its environment but `environment`, and do not wait for it."""
        descriptor = os.open(self._logs / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C reaches this process only, which then ends them in order
                preexec_fn=end_with_parent,
            )
        self._parts.append(Part(name, process, healthy, seconds, time.monotonic()))

    def wait(self, *names: str) -> None:
        """Wait until the parts of these names are healthy; all parts where none is named.

        Raises RunStopped with the end of a part's log when it, or any other one, has ended or was not healthy in time.
        """
        for part in [part for part in self._parts if not names or part.name in names]:
            while not part.healthy():
                self.check()
                if time.monotonic() - part.began > part.seconds:
                    raise RunStopped(f"{part.name} was not healthy within {part.seconds:.0f} s; {self._end_of(part)}")
                time.sleep(_PAUSE)
        self.check()

    def check(self) -> None:
        """Raise RunStopped, with the end of its log, when a part has ended."""
        for part in self._parts:
            if (status := part.process.poll()) is not None:
                raise RunStopped(f"{part.name} ended with status {status}; {self._end_of(part)}")

    def stop(self) -> None:
        """End every part, the last that was started first: by SIGTERM, and by SIGKILL where that is not enough."""
        while self._parts:
            _end(self._parts.pop().process)

    def _end_of(self, part: Part) -> str:
        path = self._logs / f"{part.name}.log"
        said = path.read_text(errors="replace")[-_TOLD:]
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return f"{path} ends with:\n{said}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started: they form one session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    until = time.monotonic() + _STOP_SECONDS
    # It is not reaped yet, so that its number is nobody else's while its children are ended.
    while process.returncode is None and time.monotonic() < until:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
            break
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for _ in range(_GONE):  # its children are nobody's now, and end a moment later
            os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.02)
    process.wait()


def answers(url: str) -> Callable[[], bool]:
    """Whether a GET of an address of this machine is answered with success."""

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    return ask
