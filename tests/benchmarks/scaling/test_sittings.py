"""A measurement that stops and goes on: its sittings are added up, and a failure says why."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.scaling import sittings
from benchmarks.scaling.sittings import PROGRESS, STOPPED, watched


def command(folder: Path, cpu: float, memory: float, last: str, status: int = 0) -> list[str]:
    """A process that says what it took, and ends so."""
    said = {"seconds": 2 * cpu, "cpu": {"run": cpu, "server": 1.0}, "memory": {"run": memory}}
    lines = [
        "import pathlib, sys",
        f"pathlib.Path({str(folder / PROGRESS)!r}).write_text({json.dumps(said)!r})",
        f"print({last!r}, file=sys.stderr if {status} else sys.stdout)",
        f"sys.exit({status})",
    ]
    return [sys.executable, "-c", "\n".join(lines)]


def test_a_measurement_that_was_stopped_goes_on_and_is_added_up(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="stopped at a safe point"):
        watched(command(tmp_path, 10.0, 500.0, "stopped at a safe point", STOPPED), tmp_path)
    row = watched(command(tmp_path, 4.0, 300.0, json.dumps({"videos": 7})), tmp_path)
    assert row["videos"] == 7 and row["sittings"] == 2
    assert row["seconds"] == 28 and row["cpu_by_role"] == {"run": 14, "server": 2} and row["cpu_seconds"] == 16
    assert row["memory_mb"] == {"run": 500}
    low, _, high = row["reference_ms"]
    assert 16_000 / high - 0.1 <= row["references"] <= 16_000 / low + 0.1


def test_what_failed_says_why_and_counts_as_a_sitting(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the disk is full"):
        watched(command(tmp_path, 3.0, 100.0, "the disk is full", 1), tmp_path)
    row = watched(command(tmp_path, 1.0, 100.0, "{}"), tmp_path)
    assert row["sittings"] == 2 and row["cpu_by_role"]["run"] == 4


def test_a_wish_to_stop_that_comes_while_it_looks_stops_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes = [KeyboardInterrupt]

    def timed() -> float:
        if wishes:
            raise wishes.pop()
        return 1.0

    monkeypatch.setattr(sittings, "_EVERY", 0.2)
    monkeypatch.setattr(sittings, "reference_seconds", timed)
    said = json.dumps({"seconds": 1.0, "cpu": {"run": 1.0}, "memory": {"run": 1.0}})
    lines = [
        "import pathlib, signal, sys",
        "def stop(*_):",
        "    print('stopped by SIGINT', file=sys.stderr)",
        f"    sys.exit({STOPPED})",
        "signal.signal(signal.SIGINT, stop)",
        f"pathlib.Path({str(tmp_path / PROGRESS)!r}).write_text({said!r})",
        "signal.sigtimedwait([], 60)",
    ]
    with pytest.raises(SystemExit, match="stopped by SIGINT"):
        watched([sys.executable, "-c", "\n".join(lines)], tmp_path)
    assert not wishes and len(json.loads((tmp_path / "sittings.json").read_text())) == 1
