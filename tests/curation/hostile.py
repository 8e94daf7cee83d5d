"""Functions that behave like decoders of hostile files; a sandbox test runs them in a child process."""

import itertools
import os
import signal
import time
from pathlib import Path

from curation.video.sandbox import lift_cpu_limit


def load_yt_dlp() -> int:
    """Load what the first download of a child loads, and return the number of extractors."""
    from yt_dlp.extractor import gen_extractor_classes

    import curation.download.attempt  # noqa: F401

    return len(gen_extractor_classes())


def hang(pid_file: Path | None = None) -> None:
    """Write the process id to a file, then sleep."""
    _tell(pid_file)
    time.sleep(600)


def busy(pid_file: Path) -> None:
    """Write the process id, then stay in C code, where no signal handler of Python runs."""
    _tell(pid_file)
    sum(itertools.repeat(1, 10**12))


def _tell(pid_file: Path | None) -> None:
    if pid_file is not None:
        fresh = pid_file.with_name(f".{pid_file.name}")
        fresh.write_text(str(os.getpid()))
        fresh.replace(pid_file)


def wait_for(file: Path) -> None:
    """Return when a file exists; fail after a minute."""
    for _ in range(6000):
        if file.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{file} does not appear")


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


_KEPT: list[bytearray] = []


def keep(megabytes: int) -> None:
    """Never give the memory back."""
    _KEPT.append(bytearray(megabytes * 10**6))


def burn(seconds: float) -> None:
    """Use CPU time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(10_000))


def burn_unlimited(seconds: float) -> None:
    lift_cpu_limit()
    burn(seconds)


def hog(megabytes: int) -> int:
    return len(bytearray(megabytes * 10**6)) // 10**6


def address_space() -> float:
    """The address space of this process in MB (10**6 bytes)."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


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
