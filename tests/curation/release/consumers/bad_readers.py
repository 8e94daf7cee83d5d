"""Readers that behave badly: what a library may do to the check of consumers. The check starts them as its own."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import sys
import time
from pathlib import Path

from curation.release.consumers.answers import Answer
from curation.release.consumers.plan import Part, ReadingPlan

WORKS = "works"  # a file beside the release: a reader hangs


def read(plan: ReadingPlan, part: Part) -> Answer:
    """Do what the file `behaviour` in the release's README says."""
    behaviour = (Path(plan.release) / "README.md").read_text().split()[-1]
    if behaviour == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif behaviour == "hang":
        (Path(plan.origin).parent / WORKS).touch()
        time.sleep(600)
    elif behaviour == "late":
        atexit.register(os.abort)
    elif behaviour == "network":
        socket.create_connection(("127.0.0.1", 9))
    elif behaviour == "exit":
        print("the library says goodbye", file=sys.stderr)
        os._exit(3)
    told = {
        "home": str(Path.home()),
        "here": str(Path.cwd()),
        "variables": sorted(os.environ),
        "path": sys.flags.isolated,
    }
    raise ValueError(str(told))
