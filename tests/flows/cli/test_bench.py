"""`v2xum bench NAME --help` is the help of that benchmark."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as benchmarks
from flows.cli.bench import WITH_OPTIONS, Benchmark
from tests.runs import in_process


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_the_help_of_a_benchmark_names_it(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `python -m benchmarks NAME --help`, in this process."""
    monkeypatch.setattr("sys.argv", ["benchmarks", name, "--help"])
    with pytest.raises(SystemExit) as ended:
        benchmarks.main()
    said = capsys.readouterr()
    assert ended.value.code == 0 and said.out.startswith(f"usage: v2xum bench {name} "), said


@pytest.mark.slow
def test_the_command_passes_the_wish_for_help_on(capfd: pytest.CaptureFixture[str]) -> None:
    done = in_process("bench", Benchmark.splits, "--help")
    assert done.returncode == 0, done.stderr
    assert capfd.readouterr().out.startswith("usage: v2xum bench splits ")
