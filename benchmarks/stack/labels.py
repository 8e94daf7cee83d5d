"""Runs Label Studio for a folder until SIGTERM: `python -m benchmarks.stack.labels WORKSPACE PORT`.

`v2xum review serve` does the same for a workspace that exists; a stack starts it before its first curation.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from annotation.label_studio.server import serving


def main() -> None:
    """Serve until a signal comes, or until the server ends by itself."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    with serving(Path(sys.argv[1]), int(sys.argv[2]), lambda said: print(said, flush=True)) as running:
        while not stop.wait(0.2) and running.process.poll() is None:
            pass


if __name__ == "__main__":
    main()
