"""Helpers for servers that this program starts on this machine: a free port, and a signal when this process dies."""

from __future__ import annotations

import ctypes
import signal
import socket
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Looked up here: between fork and exec a child must not wait for a lock that another thread of its parent held.
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens at this moment. Raises OSError when there is none."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to send the calling process a signal when its parent dies, even by kill -9.

    To the kernel the parent is the thread that starts the process: that thread must live as long as the child shall.
    Called in a child process, as subprocess's `preexec_fn`. It has no effect on systems other than Linux.
    """
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, number)
