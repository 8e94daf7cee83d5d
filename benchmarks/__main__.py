"""`python -m benchmarks [NAME [OPTIONS]]`: one benchmark in this process, or all, each in a process of its own.

Nothing is imported before it runs: child processes that decode import the program's start again.
"""

from __future__ import annotations

import importlib
import subprocess
import sys

ALL = (
    *("start", "ledger", "orchestration", "memory", "frames", "serving"),
    *("video_metrics", "text_metrics", "crossmodal", "uncertainty"),
)
MODULES = {"serving": "serving.capacity", "protocols": "protocol_study.run"}  # of those that are folders
OTHERS = ("review", "pull", "protocols")  # a quarter of an hour with Label Studio; data that is not here

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in (*ALL, *OTHERS):
        name = sys.argv.pop(1)
        importlib.import_module(f"benchmarks.{MODULES.get(name, name)}").main()
    else:
        for name in ALL:
            print(name, end=" ", flush=True)
            subprocess.run([sys.executable, "-m", "benchmarks", name, "--json"], check=True)
