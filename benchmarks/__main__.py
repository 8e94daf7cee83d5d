"""Runs the benchmarks (all, or those named) in processes of their own; each prints a line of JSON."""

from __future__ import annotations

import subprocess
import sys

ALL = ("ledger", "orchestration", "frames", "serving")

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        print(name, end=" ", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", "--json"], check=True)
