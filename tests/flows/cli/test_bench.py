"""`v2xum bench NAME --help` is the help of that benchmark."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flows.cli.bench import WITH_OPTIONS
from schemas.repository import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_the_help_of_a_benchmark_names_it(name: str) -> None:
    command = [sys.executable, "-m", "flows.cli", "bench", name, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 and done.stdout.startswith(f"usage: v2xum bench {name} "), done.stdout + done.stderr
