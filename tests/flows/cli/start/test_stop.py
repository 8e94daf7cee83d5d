"""`v2xum stop` ends a real run at a safe point: beside it, and from another machine that reaches its ledger."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from curation.ledger.databases import LEDGER
from tests.forks import Forked
from tests.postgres import text_of
from tests.runs import CONFIG, in_process

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


@pytest.mark.parametrize("place", ["file", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_a_real_run_stops_as_by_ctrl_c(
    place: str,
    films: Path,
    server: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace = here = tmp_path / "workspace"
    if place == "postgresql":
        monkeypatch.setenv(LEDGER, text_of(request.getfixturevalue("postgresql")))
    assert in_process("stop", workspace).returncode == 2, "no workspace; what the command imports is loaded now"
    # One picture a question: the run shall not end by itself before it is asked to.
    words = ["curate", CONFIG, "--source", films, "--workspace", workspace, "--set", "models.captioner.batch=1"]
    process = Forked("flows.cli.__main__", words, err=tmp_path / "said")
    try:
        for _ in range(1200):
            if list(workspace.glob("store/frames/*/*")):
                break
            time.sleep(0.1)
        if place == "postgresql":  # the other machine has the note that names the ledger, and nothing else
            here = tmp_path / "elsewhere"
            here.mkdir()
            (here / "ledger.postgresql").write_text((workspace / "ledger.postgresql").read_text())
        done = in_process("stop", here)
        process.wait(60)
    finally:
        process.kill()
    said = (tmp_path / "said").read_text()
    assert done.returncode == 0, done.stderr
    assert "stopped at a safe point; the same `v2xum curate` goes on" in done.stdout, (done, said)
    assert f"process {process.pid} on" in done.stderr
    assert process.returncode == 130, said
    assert "`v2xum stop` asked this run to stop" in said and "Traceback" not in said
    again = in_process("stop", here)
    assert (again.returncode, again.stdout) == (0, "nothing is running\n")
