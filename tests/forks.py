"""Processes that share their slow imports: a server of each worker imports them once, and every process is its fork.

A run of the command line spends five seconds of CPU on importing torch and transformers, and few on a handful of short
films. How it starts by itself is tested in tests/flows/cli/test_start.py and tests/flows/test_resume.py.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import NoReturn

from schemas.repository import ROOT

# Not Prefect, which reads the environment when it is imported.
PRELOADED = [
    "models.local.chat_model",
    "curation.pipeline.services",
    "datasets",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "tests.curation.release.releases",
]


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
    os.environ.clear()
    os.environ.update(environment)


def command_line(
    words: Sequence[str], environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Call `v2xum` in a process of its own, from the root of the repository. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = fork_server().Process(target=_call, args=([*words], dict(environment), out, err))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired([*words], timeout, out.read_bytes(), err.read_bytes())
        said = (path.read_text(encoding="utf-8", errors="replace") for path in (out, err))
        return subprocess.CompletedProcess([*words], process.exitcode, *said)


def _call(words: list[str], environment: dict[str, str], out: Path, err: Path) -> NoReturn:
    """The body of a process: what `python -m flows.cli` does, from its arguments to its end."""
    for target, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), target)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    _become(environment)
    os.chdir(ROOT)
    from flows.cli import __main__ as program

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
