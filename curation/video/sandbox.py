"""Runs code that parses hostile bytes in child processes, with limits of time and memory.

A crash ends the child only. The module uses pebble's process pool. Children stay alive between calls, because a new
interpreter with a decoder costs about a second. They are replaced after `RECYCLE` calls or when they die, and they die
with their parent.
"""

from __future__ import annotations

import atexit
import logging
import math
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from curation.video.spawn import ChildContext
from schemas.errors import Interrupted, MachineTrouble, PoisonError, StageError, TransientError
from schemas.kit.blame import blame, causes, in_one_line, is_shortage
from schemas.kit.local_process import end_with_parent

T = TypeVar("T")

log = logging.getLogger(__name__)

RECYCLE = 256
STOP_CHECK_SECONDS = 0.25
CLOSE_SECONDS = 20.0
# Exit codes of children: the limit of memory was reached; too little memory is left to begin.
_OUT_OF_MEMORY, _WORN = 71, 72
# A decoder does not send itself these: the system did, for want of memory, or somebody.
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)


class Limits(NamedTuple):
    """The limits of one call.

    Seconds of wall time, MB (10**6 bytes) of address space (None: the sandbox's), and seconds of CPU time (None: no
    limit), which hold until `lift_cpu_limit` is called in the child. A child that has less than `free_megabytes` below
    its limit, because earlier calls left their memory behind, is replaced before the call.
    """

    wall_seconds: float = 120.0
    memory_megabytes: float | None = None
    cpu_seconds: float | None = None
    free_megabytes: float = 0.0


class Sandbox:
    """Runs module-level functions in child processes. Several threads may use it at once.

    It is a context manager; children start with the first call. The end of the `with` block, or of the process, stops
    all children.
    """

    def __init__(
        self, workers: int = 1, memory_megabytes: float = 4096, raise_if_stopped: Callable[[], None] = lambda: None
    ) -> None:
        """Allow `workers` calls at once; further calls wait. Each may use `memory_megabytes` unless its limits differ.

        `raise_if_stopped` is called several times a second by every thread that waits for a child; an error that it
        raises ends the call and the child.
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
        """Stop all children within a limited time, also those that work. A later call starts new children.

        In the threads that wait for a call, `run` raises Interrupted.
        """
        with self._lock:
            host, self._host = self._host, None
            self._closings += 1
        if host is not None:
            host.close()

    def run(
        self,
        function: Callable[..., T],
        *args: Any,
        limits: Limits,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> T:
        """Call `function(*args)` in a child and return its result; arguments and result are pickled.

        `meanwhile` is called several times a second until the result is there; an error that it raises ends the call
        and the child. An error of the function is raised as it is, except that what is no video's fault
        (schemas/kit/blame.py) is MachineTrouble. Raises PoisonError with the reason `timeout`, `cpu_time`, `memory`
        (more memory than allowed) or `crashed` (the child died); TransientError with `killed` (from outside, as the
        system does when its memory ends) or `memory_limit` (this process may use less memory than the call); and the
        error of `raise_if_stopped`.
        """
        memory = self._memory if limits.memory_megabytes is None else limits.memory_megabytes
        bounds = limits._replace(memory_megabytes=memory)
        closings = self._closings
        failures = 0
        while True:
            self._raise_if_stopped()
            host = self._started()
            try:
                future: Any = host.pool.schedule(_limited, (function, args, bounds), timeout=limits.wall_seconds)
            except RuntimeError:
                # pebble stops a pool when an idle child is killed from outside: start one new pool.
                self._discard(host, closings)
                failures += 1
                if failures > 1:
                    raise
                continue
            try:
                while not wait([future], STOP_CHECK_SECONDS).done:
                    self._raise_if_stopped()
                    meanwhile()
                    if host.closed:  # pebble never answers the calls of a stopped pool
                        raise BrokenExecutor
                result: T = future.result()
            except ProcessExpired as error:
                self._require_open(closings)
                if error.exitcode != _WORN:
                    raise _death(error.exitcode, bounds) from error
            except BrokenExecutor as error:
                self._discard(host, closings)
                failures += 1
                if failures > 1:
                    raise TransientError("killed", "the child process could not be kept alive") from error
            except TimeoutError as error:
                if _is_pool_timeout(error):
                    raise PoisonError("timeout", f"no result after {limits.wall_seconds:g} s") from error
                raise
            except BaseException:
                future.cancel()
                raise
            else:
                return result

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
        """Raise Interrupted when the sandbox was closed after the call began: the children were stopped on purpose."""
        if self._closings != closings:
            raise Interrupted("the child processes were stopped")


class _Host:
    """A pebble pool and the thread that starts its children.

    The kernel sends the parent-death signal when the *thread* that started a child ends, and a child inherits the
    signal mask of that thread. So one thread, which lives as long as the pool and blocks SIGINT, starts all children.
    """

    def __init__(self, workers: int) -> None:
        self.pool: Any = ProcessPool(
            max_workers=workers,
            max_tasks=RECYCLE,
            initializer=_enter_child,
            initargs=(os.getpid(),),
            context=ChildContext(),
        )
        self._over = threading.Event()
        self._failure: Exception | None = None
        ready = threading.Event()
        self._thread = threading.Thread(target=self._keep, args=(ready,), name="sandbox", daemon=True)
        self._thread.start()
        ready.wait()
        if self._failure is not None:  # no memory for a thread or a child, or too many open files
            raise MachineTrouble(f"child processes cannot be started: {in_one_line(self._failure)}")
        # It runs before pebble's own exit handler, which misses a child that is just starting: the exit would hang.
        atexit.register(self.close)

    @property
    def closed(self) -> bool:
        return self._over.is_set()

    def _keep(self, ready: threading.Event) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            _ = self.pool.active  # starts the children
        except Exception as error:  # noqa: BLE001 - the thread that waits raises it
            self._failure = error
            return
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
    """Prepare a new child: it dies with the parent, ignores Ctrl-C, and SIGTERM ends it at once, even in C code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    end_with_parent(signal.SIGKILL)
    if sys.platform == "linux" and os.getppid() != parent:  # the parent died before the call
        os._exit(1)


def _limited(function: Callable[..., T], args: tuple[Any, ...], limits: Limits) -> T:
    """In the child: call the function under soft limits, so that the next call can change them.

    A child that ran out of memory ends: the memory may not come back, and the next call would pay for it.
    """
    memory = limits.memory_megabytes or 0.0
    if _State.used and memory - _address_space() < limits.free_megabytes:
        os._exit(_WORN)
    _State.used = True
    _soften(resource.RLIMIT_AS, int(memory * 1e6))
    if limits.cpu_seconds is None:
        lift_cpu_limit()
    else:
        _soften(resource.RLIMIT_CPU, math.ceil(time.process_time() + limits.cpu_seconds))
    try:
        return function(*args)
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    except Exception as error:
        if any(isinstance(link, ImportError) and is_shortage(link) for link in causes(error)):
            os._exit(_OUT_OF_MEMORY)  # the limit of the call was too small for a library
        if blame(error) == "machine":  # decided here, because an error loses its causes on the way to the parent
            raise MachineTrouble(f"a child process cannot work: {in_one_line(error)}") from error
        if is_shortage(error):
            os._exit(_OUT_OF_MEMORY)
        raise


class _State:
    """In a child: whether it has served a call. A new child begins every call, however small its limit."""

    used = False


def _address_space() -> float:
    """The address space of this process in MB; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0.0
    return pages * resource.getpagesize() / 1e6


def lift_cpu_limit() -> None:
    """In the child: let the rest of the call use any CPU time, for work whose CPU time grows with its honest bytes."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))


def _soften(limit: int, wanted: int) -> None:
    hard = resource.getrlimit(limit)[1]
    resource.setrlimit(limit, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _death(code: int | None, limits: Limits) -> StageError:
    """The error for a child that died in a call."""
    if code in _FROM_OUTSIDE:
        return TransientError("killed", f"the child process was {_exit_text(code)}")
    if code == _OUT_OF_MEMORY:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]  # the child's too
        if hard != resource.RLIM_INFINITY and hard < int((limits.memory_megabytes or 0.0) * 1e6):
            given = f"`ulimit -v` allows {hard / 1e6:.0f} MB, and a decoder may need {limits.memory_megabytes:g} MB"
            return TransientError("memory_limit", given)
        return PoisonError("memory", f"more than {limits.memory_megabytes:g} MB")
    if code == -signal.SIGXCPU and limits.cpu_seconds is not None:
        return PoisonError("cpu_time", f"more than {limits.cpu_seconds:g} s of CPU time")
    return PoisonError("crashed", _exit_text(code))


def _is_pool_timeout(error: TimeoutError) -> bool:
    """Whether pebble raised the error, not the function: pebble's error carries ("Task timeout", seconds)."""
    return bool(error.args) and error.args[0] == "Task timeout"


def _exit_text(code: int | None) -> str:
    """An exit code in words: `killed by SIGSEGV`, `exit code 3`."""
    if code is not None and code < 0:
        known = {member.value: member.name for member in signal.Signals}
        return f"killed by {known.get(-code, f'signal {-code}')}"
    return f"exit code {code}"
