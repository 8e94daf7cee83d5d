"""`python -m benchmarks [NAME [OPTIONS]]`: runs one benchmark in this process, or all, each in a process of its own.

A benchmark is imported only when it runs, because child processes that decode import this module again.
"""

from __future__ import annotations

import importlib
import subprocess
import sys

ALL = (
    *("start", "ledger", "orchestration", "memory", "release", "frames", "client", "serving"),
    *("video_metrics", "text_metrics", "crossmodal", "uncertainty", "audit", "smollm2"),
)
# Benchmarks that are folders.
MODULES = {
    **{"client": "serving.client", "serving": "serving.capacity"},
    **{"protocols": "protocol_study.run", "audit": "audit_study.run", "splits": "split_study.run"},
}
# These need a quarter of an hour (one with Label Studio), data outside the repository, or an hour of an idle machine.
OTHERS = ("review", "pull", "protocols", "kills", "coverage", "splits")

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in (*ALL, *OTHERS):
        name = sys.argv.pop(1)
        importlib.import_module(f"benchmarks.{MODULES.get(name, name)}").main()
    else:
        for name in ALL:
            print(name, end=" ", flush=True)
            subprocess.run([sys.executable, "-m", "benchmarks", name, "--json"], check=True)
