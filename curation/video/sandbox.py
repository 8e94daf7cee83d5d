"""Child processes for code that parses hostile bytes: wall and memory limits, and crashes that stay theirs.

Built on pebble's process pool. The children persist (a fresh interpreter with a decoder costs about a
second), are replaced after `RECYCLE` calls or when they die, and die with their parent.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, wait
from multiprocessing import get_context
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from curation.video.out_of_memory import is_shortage
from schemas.errors import Interrupted, PoisonError

T = TypeVar("T")

log = logging.getLogger(__name__)

RECYCLE = 256
STOP_CHECK_SECONDS = 0.25
CLOSE_SECONDS = 20.0
_PR_SET_PDEATHSIG = 1


class Limits(NamedTuple):
    """What one call may take: seconds of wall time, and MB (10**6 bytes) of address space (None: the sandbox's)."""

    wall_seconds: float = 120.0
    memory_megabytes: float | None = None


class Sandbox:
    """Runs module-level functions in child processes; usable from several threads at once.

    A context manager; children start with the first call. Leaving it stops whatever still runs, and so does the end
    of the process.
    """

    def __init__(
        self, workers: int = 1, memory_megabytes: float = 4096, raise_if_stopped: Callable[[], None] = lambda: None
    ) -> None:
        """Allow `workers` calls at once, further ones wait; each may have so many MB unless its limits say other.

        `raise_if_stopped` is called several times a second by every thread that waits for a child; what it raises ends
        the call and the child.
        """
        self._workers = workers
        self._memory = memory_megabytes
        self._raise_if_stopped = raise_if_stopped
        self._lock = threading.Lock()
        self._host: _Host | None = None
        self._closings = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop all children, running ones too, in bounded time. The next call would start new ones.

        Calls that other threads are waiting for raise Interrupted.
        """
        with self._lock:
            host, self._host = self._host, None
            self._closings += 1
        if host is not None:
            host.close()

    def run(self, function: Callable[..., T], *args: Any, limits: Limits) -> T:
        """Call `function(*args)` in a child and return its result; both ways go through pickle.

        What the function raises comes through as itself. Raises PoisonError with the reason `timeout`,
        `memory` (it asked for more than it may have) or `crashed` (the child died), and what `raise_if_stopped` raises.
        """
        memory = self._memory if limits.memory_megabytes is None else limits.memory_megabytes
        closings = self._closings
        for last in (False, True):
            self._raise_if_stopped()
            host = self._started()
            try:
                future: Any = host.pool.schedule(_limited, (function, args, memory), timeout=limits.wall_seconds)
            except RuntimeError:
                # pebble gives a pool up when an idle child is killed from outside: start another one, once.
                self._discard(host, closings)
                if last:
                    raise
                continue
            try:
                while not wait([future], STOP_CHECK_SECONDS).done:
                    self._raise_if_stopped()
                    if host.closed:  # pebble leaves calls of a stopped pool unanswered for ever
                        raise BrokenExecutor
                result: T = future.result()
            except ProcessExpired as error:
                self._require_open(closings)
                raise PoisonError("crashed", _exit_text(error.exitcode)) from error
            except BrokenExecutor as error:
                self._discard(host, closings)
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

    def _discard(self, host: _Host, closings: int) -> None:
        self._require_open(closings)
        with self._lock:
            if self._host is host:
                self._host = None
        host.close()

    def _require_open(self, closings: int) -> None:
        """Raise Interrupted when the sandbox was closed since: its children did not end by themselves."""
        if self._closings != closings:
            raise Interrupted("the child processes were stopped")


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
        # Before pebble's own handler, which a child that is just being started escapes: the exit then waits for it.
        atexit.register(self.close)

    @property
    def closed(self) -> bool:
        return self._over.is_set()

    def _keep(self, ready: threading.Event) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            _ = self.pool.active  # starts the children
        finally:
            ready.set()
        self._over.wait()
        self.pool.join()

    def close(self) -> None:
        atexit.unregister(self.close)
        self.pool.stop()
        self._over.set()
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            log.warning("child processes did not end within %g s; killing them", CLOSE_SECONDS)
            for worker in tuple(self.pool._pool_manager.worker_manager.workers.values()):
                worker.kill()
            self._thread.join(CLOSE_SECONDS)


def _enter_child(parent: int) -> None:
    """Die with the parent; leave Ctrl-C to it. Nothing here needs an orderly end: SIGTERM ends C code at once, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
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
    except Exception as error:
        if not is_shortage(error):
            raise
        said = " ".join(str(error).split())[:200]
        raise PoisonError("memory", f"more than {memory_megabytes:g} MB" + (f" ({said})" if said else "")) from error


def _is_pool_timeout(error: TimeoutError) -> bool:
    """Whether pebble raised it, not the function: pebble's carries ("Task timeout", seconds)."""
    return bool(error.args) and error.args[0] == "Task timeout"


def _exit_text(code: int | None) -> str:
    """An exit code in words: `killed by SIGSEGV`, `exit code 3`."""
    if code is not None and code < 0:
        known = {member.value: member.name for member in signal.Signals}
        return f"killed by {known.get(-code, f'signal {-code}')}"
    return f"exit code {code}"
