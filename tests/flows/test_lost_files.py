"""A finished workspace whose store lost or mixed up files: exports are the same, and a run brings the files back."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from curation.ledger.entries import rejection_entry
from curation.ledger.stages import SUMMARY
from curation.workspace import Workspace
from schemas.records import Rejection
from tests.runs import CONFIG, VIDEOS, shards, status

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
Cli = Callable[..., subprocess.CompletedProcess[str]]


def videos(workspace: Path) -> list[Path]:
    return sorted((workspace / "store" / "videos").rglob("*.mp4"))


def lose_frames(workspace: Path) -> None:
    """So that pictures must be decoded again. The notes of what was checked stay."""
    shutil.rmtree(workspace / "store" / "frames")


def miss(workspace: Path) -> None:
    shutil.rmtree(workspace / "store" / "videos")


def cut(workspace: Path) -> None:
    for path in videos(workspace):
        os.truncate(path, path.stat().st_size * 2 // 3)


def exchange(workspace: Path) -> None:
    """Each file gets the name of the next one."""
    found = videos(workspace)
    away = [path.rename(path.with_suffix(".away")) for path in found]
    for path, other in zip(found, away[1:] + away[:1], strict=True):
        other.rename(path)


def whole(path: Path) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


@pytest.fixture
def workspace(undisturbed: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "workspace"
    shutil.copytree(undisturbed, copy)
    return copy


@pytest.mark.parametrize("harm", [miss, cut, exchange])
def test_an_export_has_the_same_bytes(workspace: Path, v2xum: Cli, harm: Callable[[Path], None]) -> None:
    before = shards(workspace)
    harm(workspace)
    lose_frames(workspace)
    shutil.rmtree(workspace / "export")
    done = v2xum("export", workspace)
    assert done.returncode == 0, done.stderr
    assert shards(workspace) == before
    assert sum(whole(path) for path in videos(workspace)) == VIDEOS, "those of samples; no other is needed"


def test_what_an_earlier_version_gave_up_for_ever_comes_back(workspace: Path, v2xum: Cli) -> None:
    """It stored `file_missing` as permanent, and its dataset had no samples any more."""
    before, counts = shards(workspace), status(v2xum, workspace)
    with closing(Workspace(workspace).ledger()) as ledger:
        heads = ledger.heads([source.id for source in ledger.sources()])
        for video, stages in heads.items():
            if SUMMARY in stages:
                lost = Rejection(
                    id=video, stage="export", error_class="permanent", reason="file_missing", evidence="x.mp4"
                )
                ledger.write(rejection_entry(lost, stages[SUMMARY].digest, 1, 0.0), ())
    miss(workspace)
    lose_frames(workspace)
    assert status(v2xum, workspace)["samples"] == 0
    assert v2xum("export", workspace).returncode == 0
    assert shards(workspace) == before
    assert status(v2xum, workspace) == counts


def test_a_run_brings_back_what_nothing_needs(workspace: Path, films: Path, v2xum: Cli) -> None:
    before, counts = shards(workspace), status(v2xum, workspace)
    miss(workspace)
    done = v2xum("curate", CONFIG, "--source", films, "--workspace", workspace, timeout=600)
    assert done.returncode == 0, done.stderr
    assert sum(whole(path) for path in videos(workspace)) == VIDEOS
    assert shards(workspace) == before
    again = status(v2xum, workspace)
    assert {key: again[key] for key in ("samples", "rejected", "retryable", "pending", "reasons")} == {
        key: counts[key] for key in ("samples", "rejected", "retryable", "pending", "reasons")
    }
