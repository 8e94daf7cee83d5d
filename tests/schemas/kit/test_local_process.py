from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.kit.local_process import free_port

PARENT = """
import subprocess, sys
from schemas.kit.local_process import end_with_parent

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], preexec_fn=end_with_parent)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_free_port_can_be_listened_on() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen(1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the signal")
def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    for _ in range(600):
        if not runs(child):
            return
        time.sleep(0.1)
    os.kill(child, 9)
    raise AssertionError("the child still runs")


def runs(pid: int) -> bool:
    """Whether the process exists and is not a zombie (an orphan stays one where nobody collects orphans)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
