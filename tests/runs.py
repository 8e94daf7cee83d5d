"""What the tests of whole runs share: videos, a real Prefect server, the command line, one finished workspace."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.repository import ROOT
from tests import forks
from tests.once import once

CONFIG = ROOT / "configs" / "demo.yaml"
VIDEOS = 5
# Commands that start no flow: they run in this process, which saves the start of another one.
_IN_PROCESS = {"check", "explain", "export", "report", "retry", "status", "stop"}


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of demo videos of 40-48 s, one of 10 s, and a file that is no video. Tests only read it."""
    return once(tmp_path_factory, "films", _render)


def _render(folder: Path) -> None:
    from curation.video.encode import encode_video
    from demo.render import frames
    from demo.world import make_script

    for number in range(VIDEOS):
        script = make_script(40_000_000 + number, 40 + 2 * number)
        # Two pictures a second are enough for 1 fps sampling, and five times quicker to draw.
        encode_video(folder / f"film {number}.mp4", frames(script, 2), fps=2, options={"preset": "ultrafast"})
    short = (image for image, _ in zip(frames(make_script(41_000_000, 40), 2), range(20), strict=False))
    encode_video(folder / "short.mp4", short, fps=2, options={"preset": "ultrafast"})
    (folder / "torn.mp4").write_bytes(b"\x00\x01\x02 no video at all" * 50)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Prefect server. Each worker has one for all of its tests."""
    from flows.local.prefect_server import local_server, quiet_environment

    home = tmp_path_factory.mktemp("prefect")
    before = dict(os.environ)
    quiet_environment(home)
    with local_server(home) as url:
        os.environ["PREFECT_API_URL"] = url
        yield url
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def undisturbed(films: Path, server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the demo's configuration curated `films` without any trouble.

    All workers share it. Tests only read it, or copy it: a workspace is one folder that can be moved.
    """

    def curate(folder: Path) -> None:
        arguments = ("curate", CONFIG, "--source", films, "--workspace", folder / "workspace")
        done = command_line(server, *arguments, timeout=600)
        assert done.returncode == 0, done.stderr

    return once(tmp_path_factory, "undisturbed", curate) / "workspace"


def run_flow(server: str, module: str, name: str, arguments: dict[str, Any], timeout: float = 300) -> Any:
    """Run a flow in a process of its own and return what it returns, which must be JSON.

    In this process Prefect's threads would live on, and draw from the global random state that hypothesis watches.
    """
    environment = {**os.environ, "PREFECT_API_URL": server, "PYTHONWARNINGS": "", "PREFECT_LOGGING_LEVEL": "ERROR"}
    return forks.returned(module, name, arguments, environment, timeout)


def command_line(server: str, *arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Call the command line in a process of its own, against a Prefect server."""
    environment = {**os.environ, "PREFECT_API_URL": server, "PYTHONWARNINGS": ""}
    return forks.command_line([*map(str, arguments)], environment, timeout)


def in_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Call the command line in this process; fit for commands that start no flow, and for usage errors."""
    from flows.cli.main import application

    words = [*map(str, arguments)]
    done = CliRunner().invoke(application(), words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def v2xum(server: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call the command line against the session's server: in a process of its own where a flow may start."""

    def call(*arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        if arguments[0] in _IN_PROCESS:
            return in_process(*arguments)
        return command_line(server, *arguments, timeout=timeout)

    return call


def status(v2xum: Callable[..., subprocess.CompletedProcess[str]], workspace: Path) -> dict[str, Any]:
    done = v2xum("status", workspace, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def shards(workspace: Path) -> dict[str, bytes]:
    """Every file of an export by its relative path."""
    export = workspace / "export"
    return {path.relative_to(export).as_posix(): path.read_bytes() for path in export.rglob("*") if path.is_file()}
