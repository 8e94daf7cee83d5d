"""Runs the benchmarks (all, or those named) and prints a line of JSON each."""

from __future__ import annotations

import importlib
import json
import sys

ALL = ("ledger", "orchestration", "frames")

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        figures = importlib.import_module(f"benchmarks.{name}").measure()
        print(json.dumps({"benchmark": name, **figures}), flush=True)
