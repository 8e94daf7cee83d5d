"""How much CPU `v2xum --help` and `v2xum status` take, start of the interpreter included.

Baseline: `python -c pass`, run in turn with them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.instant import config, instant_services, trivial_sources, write_finished
from curation.workspace import Workspace
from schemas.repository import ROOT

ROUNDS = 7
VIDEOS = 12
GOALS = {"help": 0.5, "status": 0.8}


def cpu_seconds(arguments: list[str]) -> float:
    """User and system time of a Python process with these arguments. Raises RuntimeError when it fails."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def measure() -> dict[str, Any]:
    """The least CPU of some rounds, in seconds, for each command; the workspace has twelve finished videos."""
    with tempfile.TemporaryDirectory() as folder:
        services = instant_services(Path(folder))
        write_finished(services, services.ledger.register(trivial_sources(VIDEOS)))
        services.ledger.close()
        Workspace(Path(folder)).save_config(config())
        commands = {
            "python": ["-c", "pass"],
            "help": ["-m", "flows.cli", "--help"],
            "status": ["-m", "flows.cli", "status", folder],
        }
        rounds = [{name: cpu_seconds(arguments) for name, arguments in commands.items()} for _ in range(ROUNDS)]
    best = {name: min(each[name] for each in rounds) for name in commands}
    return {
        **{f"{name}_cpu_seconds": round(seconds, 3) for name, seconds in best.items()},
        **{f"goal_{name}_cpu_seconds": seconds for name, seconds in GOALS.items()},
        **{f"{name}_ratio_to_python": round(best[name] / best["python"], 1) for name in GOALS},
    }


def main() -> None:
    """Run the benchmark; `--json` is how it always answers."""
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
