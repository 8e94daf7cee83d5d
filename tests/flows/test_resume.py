"""Resuming with several shards in flight at different stages, and machine trouble: nothing is lost, nobody charged.

The models are loaded for real, in fresh processes: this is how a run goes on after a kill.
"""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from curation.ledger.entries import rejection_entry
from curation.ledger.stages import STAGES
from curation.workspace import Workspace
from flows.local.progress import PROGRESS
from schemas.records import Rejection
from tests import forks
from tests.runs import CONFIG, ROOT, VIDEOS, shards, status

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
Cli = Callable[..., subprocess.CompletedProcess[str]]
MODEL_STAGES = ("caption", "binding", "extract", "refine", "audit")
SEVERAL = ("--set", "run.shard_size=2", "--set", "run.shards_in_flight=4")


def forget(workspace: Path, *stages: str) -> None:
    """Make the finished videos due again: two at the first of these stages, two at the next one, and so on."""
    with closing(Workspace(workspace).ledger()) as ledger:
        videos = [source.id for source in ledger.sources()]
        finished = [video for video in videos if "audit" in ledger.heads([video]).get(video, {})]
        for number, video in enumerate(finished):
            first = MODEL_STAGES.index(stages[min(number // 2, len(stages) - 1)])
            for stage in MODEL_STAGES[first:]:
                ledger.forget(video, stage)


def spoken(stderr: str) -> list[str]:
    """What a run said besides its progress."""
    return [line for line in stderr.splitlines() if not line.startswith(PROGRESS)]


@pytest.mark.parametrize("stages", [("caption", "binding", "refine"), ("refine", "caption", "binding")])
def test_shards_at_different_stages_load_their_models_without_loss(
    stages: tuple[str, ...], undisturbed: Path, films: Path, tmp_path: Path, v2xum: Cli
) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(undisturbed, workspace)
    forget(workspace, *stages)
    done = v2xum("curate", CONFIG, "--source", films, "--workspace", workspace, *SEVERAL)
    assert done.returncode == 0, done.stderr
    assert [line for line in spoken(done.stderr) if not line.startswith("v2xum: ")] == []
    counts = status(v2xum, workspace)
    assert (counts["samples"], counts["poison"], counts["retryable"], counts["pending"]) == (VIDEOS, 0, 0, 0)
    assert shards(workspace) == shards(undisturbed)


def limited(megabytes: int, arguments: list[object]) -> subprocess.CompletedProcess[str]:
    """Run the command line with so much address space."""
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({megabytes}000000,) * 2);"
        "from flows.cli.main import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_AS)[1] != resource.RLIM_INFINITY, reason="the limit could not be taken back"
)
def test_want_of_memory_stops_the_run_and_charges_no_video(
    undisturbed: Path, films: Path, tmp_path: Path, v2xum: Cli
) -> None:
    workspace = tmp_path / "workspace"
    arguments = ["curate", CONFIG, "--source", films, "--workspace", workspace]
    done = limited(2200, arguments)
    # C++ code that gets no memory sometimes ends the process itself; nothing is lost by that, either.
    assert done.returncode in (1, -signal.SIGABRT), done.stderr
    assert done.returncode < 0 or any(line.startswith("v2xum: ") for line in spoken(done.stderr)), done.stderr
    counts = status(v2xum, workspace)
    assert counts["poison"] == 0 and "unexpected" not in json.dumps(counts["reasons"])
    assert v2xum(*arguments).returncode == 0
    assert shards(workspace) == shards(undisturbed)


def test_a_model_that_cannot_be_loaded_stops_the_run_before_any_video(films: Path, tmp_path: Path, v2xum: Cli) -> None:
    broken = tmp_path / "clip"
    shutil.copytree(ROOT / "data" / "demo" / "clip", broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    workspace = tmp_path / "workspace"
    done = v2xum(
        "curate", CONFIG, "--source", films, "--workspace", workspace, "--set", f"models.clip.model={broken}", *SEVERAL
    )
    assert done.returncode == 2, done.stderr
    assert "model 'clip' cannot be loaded" in spoken(done.stderr)[-1] and "Traceback" not in done.stderr
    counts = status(v2xum, workspace)
    assert (counts["pending"], counts["stages"]["download"]["done"]) == (VIDEOS + 2, 0)


def test_poison_is_shown_with_the_way_out(undisturbed: Path, tmp_path: Path, v2xum: Cli) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(undisturbed, workspace)
    with closing(Workspace(workspace).ledger()) as ledger:
        video = next(r.id for r in ledger.rejections() if r.error_class == "permanent")
        head = ledger.heads([video])[video]["download"]
        crashed = Rejection(id=video, stage="download", error_class="poison", reason="crashed", evidence="SIGSEGV")
        ledger.write(rejection_entry(crashed, head.fingerprint, 1, 0.1), STAGES.later("download"))
    for answer in (v2xum("status", workspace), v2xum("explain", workspace, video)):
        assert answer.returncode == 0, answer.stderr
        assert "--class poison" in answer.stdout and "workspace" in answer.stdout
    assert status(v2xum, workspace)["poison"] == 1


def test_a_flow_that_a_worker_cancels_stops_its_shards(films: Path, tmp_path: Path, server: str) -> None:
    """Prefect's worker runs the flow in the main thread of a process and sends it SIGTERM."""
    workspace = tmp_path / "workspace"
    overrides = [f"sources=[{{at: {films}}}]", "run.shard_size=2", "models.captioner.batch=1"]
    given = {"config": str(CONFIG), "workspace": str(workspace), "overrides": overrides}
    process = forks.calling("flows.scheduled", "curate_file", given, answer=tmp_path / "answer")
    deadline = time.monotonic() + 200
    while process.poll() is None and time.monotonic() < deadline and not list(workspace.glob("store/frames/*/*")):
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) != 0
    with closing(Workspace(workspace).ledger()) as ledger:
        run = ledger.last_run()
        assert run is not None and (run.outcome, run.ended_at is not None) == ("stopped", True)
        assert {r.reason for r in ledger.rejections()} <= {"not_a_video", "too_short"}
