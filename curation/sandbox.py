"""Child processes for code that parses hostile bytes: wall and memory limits, and crashes that stay theirs.

Built on pebble's process pool. The children persist (a fresh interpreter with a decoder costs about a
second), are replaced after `RECYCLE` calls or when they die, and die with their parent.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from schemas.errors import PoisonError

T = TypeVar("T")

RECYCLE = 64
_PR_SET_PDEATHSIG = 1


class Limits(NamedTuple):
    """What one call may take: seconds of wall time, and MB (10**6 bytes) of address space (None: the sandbox's)."""

    wall_seconds: float = 120.0
    memory_megabytes: float | None = None


class Sandbox:
    """Runs module-level functions in child processes; usable from several threads at once.

    A context manager; children start with the first call. Leaving it stops whatever still runs.
    """

    def __init__(self, workers: int = 1, memory_megabytes: float = 4096) -> None:
        """Allow `workers` calls at once, further ones wait; each may have so many MB unless its limits say other."""
        self._workers = workers
        self._memory = memory_megabytes
        self._lock = threading.Lock()
        self._host: _Host | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop all children, running ones too. The next call would start new ones."""
        with self._lock:
            host, self._host = self._host, None
        if host is not None:
            host.close()

    def run(self, function: Callable[..., T], *args: Any, limits: Limits) -> T:
        """Call `function(*args)` in a child and return its result; both ways go through pickle.

        What the function raises comes through as itself. Raises PoisonError with the reason `timeout`,
        `memory` (it asked for more than it may have) or `crashed` (the child died).
        """
        memory = self._memory if limits.memory_megabytes is None else limits.memory_megabytes
        for last in (False, True):
            host = self._started()
            try:
                future: Any = host.pool.schedule(_limited, (function, args, memory), timeout=limits.wall_seconds)
            except RuntimeError:
                # pebble gives a pool up when an idle child is killed from outside: start another one, once.
                self._discard(host)
                if last:
                    raise
                continue
            try:
                result: T = future.result()
            except ProcessExpired as error:
                raise PoisonError("crashed", _exit_text(error.exitcode)) from error
            except BrokenExecutor as error:
                self._discard(host)
                if last:
                    raise PoisonError("crashed", "the child process could not be kept alive") from error
            except TimeoutError as error:
                if _is_pool_timeout(error):
                    raise PoisonError("timeout", f"no result after {limits.wall_seconds:g} s") from error
                raise
            except BaseException:
                future.cancel()
                raise
            else:
                return result
        raise AssertionError("unreachable")

    def _started(self) -> _Host:
        with self._lock:
            if self._host is None:
                self._host = _Host(self._workers)
            return self._host

    def _discard(self, host: _Host) -> None:
        with self._lock:
            if self._host is host:
                self._host = None
        host.close()


class _Host:
    """A pebble pool and the thread that starts its children.

    The kernel's parent-death signal is sent when the *thread* that made a child ends, and a child inherits
    that thread's signal mask: so one thread, which lives as long as the pool and blocks SIGINT, makes them.
    """

    def __init__(self, workers: int) -> None:
        self.pool: Any = ProcessPool(
            max_workers=workers,
            max_tasks=RECYCLE,
            initializer=_enter_child,
            initargs=(os.getpid(),),
            context=get_context("spawn"),
        )
        self._over = threading.Event()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._keep, args=(ready,), name="sandbox", daemon=True)
        self._thread.start()
        ready.wait()

    def _keep(self, ready: threading.Event) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            _ = self.pool.active  # starts the children
        finally:
            ready.set()
        self._over.wait()

    def close(self) -> None:
        self.pool.stop()
        self.pool.join()
        self._over.set()
        self._thread.join()


def _enter_child(parent: int) -> None:
    """Die with the parent; leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _limited(function: Callable[..., T], args: tuple[Any, ...], memory_megabytes: float) -> T:
    """In the child: call under the memory limit (the soft one, so that the next call may have another)."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    soft = int(memory_megabytes * 1e6)
    resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    try:
        return function(*args)
    except MemoryError as error:
        raise PoisonError("memory", f"more than {memory_megabytes:g} MB") from error


def _is_pool_timeout(error: TimeoutError) -> bool:
    """Whether pebble raised it, not the function: pebble's carries ("Task timeout", seconds)."""
    return bool(error.args) and error.args[0] == "Task timeout"


def _exit_text(code: int | None) -> str:
    """An exit code in words: `killed by SIGSEGV`, `exit code 3`."""
    if code is not None and code < 0:
        known = {member.value: member.name for member in signal.Signals}
        return f"killed by {known.get(-code, f'signal {-code}')}"
    return f"exit code {code}"
