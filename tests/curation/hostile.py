"""What hostile files make decoders do, as functions that a sandbox test runs in a child process."""

import os
import signal
import time
from pathlib import Path


def hang() -> None:
    time.sleep(600)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hog(megabytes: int) -> int:
    return len(bytearray(megabytes * 10**6)) // 10**6


def throw(error: BaseException) -> None:
    raise error


def wait_until_gone(pid: int) -> None:
    """Return when a process is gone or a zombie; fail after a minute."""
    for _ in range(6000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} still runs")
