"""Replacing a folder: kills, errors, remains of killed runs, and folders that are not an export."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.store import folder_swap as swap
from curation.store.folder_swap import publish, recover, staging
from schemas.errors import ConfigError
from tests.curation.samples import contents, numbered, run_export


def test_foreign_folders_are_not_replaced(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("precious")
    with pytest.raises(ConfigError, match="not an export"):
        run_export(tmp_path / "home", numbered(1))
    (tmp_path / "link").symlink_to(tmp_path / "home")
    with pytest.raises(ConfigError, match="not a folder"):
        run_export(tmp_path / "link", numbered(1))
    assert (tmp_path / "home" / "thesis.txt").read_text() == "precious"


def test_an_error_leaves_the_old_export(tmp_path):
    out = tmp_path / "out"
    run_export(out, numbered(3))
    before = contents(out)

    def broken():
        yield from numbered(20)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_export(out, broken(), rows=2)
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two renames"])
def test_a_kill_at_any_moment_leaves_one_complete_export(tmp_path, exchange):
    """A child is killed at its n-th file-system call: every n of the swap, every sixth before it."""
    module = "tests.curation.store.test_folder_swap"
    code = f"from {module} import kill_everywhere; kill_everywhere({str(tmp_path)!r}, {exchange})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    total, points, old, new = (int(word) for word in done.stdout.split())
    assert 16 < total < 255
    assert old >= 1
    assert new >= 1
    assert old + new == points


def at_event(point: int, action: Callable[[], None] | None) -> list[int]:
    """Call `action` at this process's file-system call number `point`; the only item of the list counts the calls."""
    calls = [0]

    def strike(event: str, _arguments: object) -> None:
        if event in ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "ctypes.dlsym"):
            if action and calls[0] == point:
                action()
            calls[0] += 1

    sys.addaudithook(strike)
    return calls


def kill_everywhere(folder: str, exchange: bool) -> None:
    """Body of the child: fork before any thread exists, kill the fork at event n, check what it left."""
    os.fsync = lambda _: None  # the machine does not crash here, and syncing takes most of the time
    if not exchange:
        swap._exchange = lambda *_: False
    out, kept, goal = (Path(folder) / name for name in ("out", "kept", "goal"))
    run_export(kept, numbered(1), images=False)
    shutil.copytree(kept, goal)

    def fork(target: Path, point: int, action: Callable[[], None] | None) -> int:
        """The number of calls, or minus the signal that killed the fork."""
        child = os.fork()
        if child == 0:
            calls = at_event(point, action)
            run_export(target, numbered(3), rows=2, images=False)
            os._exit(min(calls[0], 255))
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    total = fork(goal, 0, None)
    before, after = contents(kept), contents(goal)
    found = {"old": 0, "new": 0}
    points = [*range(0, total - 16, 6), *range(total - 16, total)]
    for point in points:
        for left_over in (".out.new", "out"):  # a clean start, so that each call keeps its number
            shutil.rmtree(Path(folder) / left_over, ignore_errors=True)
        shutil.copytree(kept, out)
        assert fork(out, point, lambda: os.kill(os.getpid(), signal.SIGKILL)) == -signal.SIGKILL
        recover(out)
        left = contents(out)
        assert left in (before, after), f"broken after event {point}: {sorted(left)}"
        found["old" if left == before else "new"] += 1
    run_export(out, numbered(3), rows=2, images=False)
    assert contents(out) == after
    assert {path.name for path in Path(folder).iterdir()} == {"out", "kept", "goal"}
    sys.stdout.write(f"{total} {len(points)} {found['old']} {found['new']}")


def test_staging_cleans_up_after_a_kill(tmp_path):
    out = tmp_path / "out"
    new = staging(out, "marker")
    (new / "half").write_text("x")
    again = staging(out, "marker")
    assert list(again.iterdir()) == []
    (again / "marker").write_text("whole")
    publish(again, out)
    assert contents(tmp_path) == {"out/marker": b"whole"}
