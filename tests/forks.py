"""Processes that share their slow imports: a server of each worker imports them once, and every process is its fork.

A run of the command line spends seven seconds of CPU on importing torch, transformers and Prefect, and few on a handful
of short films. How it starts by itself is tested in tests/flows/cli/test_start.py and tests/flows/test_resume.py.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, NoReturn

from schemas.repository import ROOT

PRELOADED = [
    "models.local.chat_model",
    "curation.pipeline.services",
    "datasets",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "tests.curation.release.releases",
    "tests.preloaded",
]
_BEGIN_SECONDS = 60.0


def fork_server() -> ForkServerContext:
    """The context of multiprocessing whose processes begin with what PRELOADED names.

    Its server keeps the environment of the test that was first. A process that depends on it begins by `forked`.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def forked(call: Callable[..., None], *args: object) -> ForkServerProcess:
    """A process, not yet started, that calls a function of a module in this test's environment."""
    return fork_server().Process(target=_in_environment, args=(dict(os.environ), call, args))


def _in_environment(environment: Mapping[str, str], call: Callable[..., None], args: Sequence[object]) -> None:
    _become(environment)
    call(*args)


def _become(environment: Mapping[str, str]) -> None:
    """Take on an environment. Prefect has read that of the fork server, and reads this one if it names its folder."""
    os.environ.clear()
    os.environ.update(environment)
    if "PREFECT_HOME" not in environment:
        return
    from prefect.context import refresh_global_settings_context
    from prefect.logging.configuration import setup_logging

    refresh_global_settings_context()
    setup_logging()


class Forked:
    """A program that runs in a fork, with the methods and attributes of subprocess.Popen that tests use."""

    def __init__(
        self,
        module: str,
        words: Sequence[object],
        environment: Mapping[str, str] | None = None,
        *,
        out: Path | None = None,
        err: Path | None = None,
        group: bool = False,
    ) -> None:
        """Call `main` of a module, as `python -m` does, from the root of the repository.

        `environment`: this process's by default. A program that uses Prefect needs that of the fixture `server`.
        `out` and `err`: files for what it says, which may be the same one.
        `group`: it leads a process group of its own, as with start_new_session.
        """
        self.args = [module, *map(str, words)]
        given = dict(os.environ if environment is None else environment)
        self._process = fork_server().Process(target=_program, args=(module, self.args[1:], given, out, err, group))
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid
        atexit.register(self.kill)  # after a failed test: multiprocessing would wait for it without a bound
        deadline = time.monotonic() + _BEGIN_SECONDS
        while group and self.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(self.pid) == self.pid:
                    break
            time.sleep(0.01)

    @property
    def returncode(self) -> int | None:
        """The exit code, below 0 the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The exit code, or None."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; returns the exit code. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()


def command_line(
    words: Sequence[str], environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Call `v2xum` in a process of its own, from the root of the repository. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = Forked("flows.cli.__main__", words, environment, out=out, err=err)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise subprocess.TimeoutExpired([*words], timeout, out.read_bytes(), err.read_bytes()) from None
        said = (path.read_text(encoding="utf-8", errors="replace") for path in (out, err))
        return subprocess.CompletedProcess([*words], code, *said)


def calling(
    module: str,
    name: str,
    arguments: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    *,
    answer: Path,
    err: Path | None = None,
) -> Forked:
    """A process in whose main thread a function of a module is called; what it returns is written to `answer`.

    Arguments and answer are JSON. `err`: the file for what the process says.
    """
    words = [module, name, json.dumps(arguments), answer]
    return Forked(__name__, words, environment, out=err, err=err)


def returned(
    module: str, name: str, arguments: Mapping[str, Any], environment: Mapping[str, str], timeout: float
) -> Any:
    """What a function of a module returns in a process of its own; arguments and answer are JSON.

    Raises AssertionError with what the process said if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer, err = Path(folder) / "answer", Path(folder) / "err"
        process = calling(module, name, arguments, environment, answer=answer, err=err)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        assert code == 0, err.read_text(errors="replace")[-4000:]
        return json.loads(answer.read_bytes())


def main() -> None:
    """The program of `calling`."""
    module, name, arguments, answer = sys.argv[1:]
    found = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    Path(answer).write_text(json.dumps(found), encoding="utf-8")


def _program(
    module: str, words: list[str], environment: dict[str, str], out: Path | None, err: Path | None, group: bool
) -> NoReturn:
    """The body of a process: what the interpreter does around a program, from its arguments to its end."""
    if group:
        os.setsid()
    for target, path in ((1, out), (2, err)):
        os.dup2(os.open(path or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND), target)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    _become(environment)
    os.chdir(ROOT)
    program = importlib.import_module(module)
    sys.modules["__main__"] = program  # spawned processes import the program again
    sys.argv = ["v2xum", *words]
    code = 0
    try:
        program.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)
