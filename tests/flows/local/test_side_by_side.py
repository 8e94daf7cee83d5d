"""Commands side by side: what they say is named, and the failure of one stops the other."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import pytest

from flows.local.side_by_side import Commands
from schemas.errors import ConfigError


def python(at_once: int) -> Commands:
    return Commands(at_once, (sys.executable, "-c"))


def test_a_failure_is_raised_with_its_last_lines_and_stops_the_other(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first one fails once the other has begun, which would go on for ten minutes."""
    begun, stopped = tmp_path / "begun", tmp_path / "stopped"
    os.mkfifo(begun)
    first = f"open({str(begun)!r}).read(); print('out'); raise SystemExit('no such film')"
    second = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))\n"
        f"open({str(begun)!r}, 'w').close()\n"
        f"try: time.sleep(600)\nfinally: open({str(stopped)!r}, 'w').close()"
    )
    commands = python(2)
    with pytest.raises(ConfigError, match=r"(?s)one ended with exit code 1; .*\nno such film"):
        commands.side_by_side([partial(commands.run, "one", [first]), partial(commands.run, "two", [second])])
    assert stopped.exists()
    assert capfd.readouterr() == ("", "one: no such film\n")
    with pytest.raises(ConfigError, match="three was not begun"):
        commands.run("three", ["pass"])


def test_commands_share_the_cores(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    told = "import os, sys; sys.stderr.write(os.environ['OMP_NUM_THREADS'])"
    for at_once in (2, 9):
        commands = python(at_once)
        commands.side_by_side([partial(commands.run, str(at_once), [told])])
    assert capfd.readouterr().err == "2: 39: 1"
