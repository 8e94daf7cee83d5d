"""The demo through real vLLM servers: the same samples as in one process, also when a server dies and comes back."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.serving.vllm_server import CONFIG
from curation.text.clips import schema_of
from models.build import build_chat_model
from models.chat import Request, Shown
from schemas.configuration.loading import load_config
from schemas.repository import DATA
from tests.forks import Forked
from tests.runs import VIDEOS, status
from tests.serving.conftest import CLIP, Servers, texts

pytestmark = [pytest.mark.vllm, pytest.mark.prefect, pytest.mark.slow]
DEMO_CANARIES = DATA / "demo" / "canaries"
Call = Callable[..., subprocess.CompletedProcess[str]]


def test_the_same_samples_as_in_process(
    films: Path, undisturbed: Path, vllm: Servers, tmp_path: Path, v2xum: Call
) -> None:
    """With pictures as files; the next test sends them in the requests."""
    media = ["--set", f"models.captioner.media_path={media_path(vllm)}", "--set", "models.captioner.images=file"]
    done = v2xum("curate", CONFIG, "--source", films, "--workspace", tmp_path, *vllm.sets(), *media)
    assert done.returncode == 0, done.stderr
    assert texts(tmp_path) == texts(undisturbed)
    assert status(v2xum, tmp_path)["samples"] == VIDEOS
    assert not list(media_path(vllm).glob("*")), "pictures left behind"


def test_a_killed_server_that_comes_back_is_waited_for(
    films: Path, undisturbed: Path, vllm: Servers, tmp_path: Path, v2xum: Call
) -> None:
    workspace = tmp_path / "workspace"
    words = ["curate", CONFIG, "--source", films, *vllm.sets(), "--workspace", workspace]
    words += ["--set", "models.captioner.concurrency={start: 1, max: 1}"]
    run = Forked("flows.cli.__main__", words, err=tmp_path / "said")
    try:
        wait_until(lambda: replies(workspace) > 10)
        vllm.captioner.kill(signal.SIGKILL)
        held = replies(workspace)
        vllm.captioner.start()
        vllm.captioner.wait()
        run.wait(timeout=500)
    finally:
        run.kill()
    said = (tmp_path / "said").read_text()
    assert run.returncode == 0, said
    assert held > 0 and "is gone" in said and "is back" in said
    assert texts(workspace) == texts(undisturbed)


@pytest.mark.parametrize("images", ["file", "base64"])
def test_a_clip_gets_a_text_for_each_of_its_times(images: str, vllm: Servers) -> None:
    """What the texts say is no matter: the demo's captioner has learned single pictures."""
    pictures = [path.read_bytes() for path in sorted(DEMO_CANARIES.glob("*.jpg"))[: CLIP + 1]]
    shown = tuple(Shown(f"[{second}]", image) for second, image in enumerate(pictures))
    sets = [f"models.captioner.{key}" for key in (f"images={images}", f"media_path={media_path(vllm)}")]
    config = load_config(CONFIG, [*sets, f"models.captioner.base_urls=[{vllm.captioner.url}]"])
    with build_chat_model(config.models.captioner) as model:  # type: ignore[attr-defined]
        keys = [str(second) for second in range(1, CLIP + 1)]
        request = Request("Describe.", None, schema_of(keys, 80), 300, clip=shown)
        (reply,) = model.complete([request])
        (too_many,) = model.complete([request._replace(clip=shown + shown)])
    assert reply.finish == "stop" and [*json.loads(reply.text)] == keys
    assert too_many.finish == "refused" and "image" in too_many.text
    assert not list(media_path(vllm).glob("*")), "pictures left behind"


def test_the_doctor_finds_nothing_wrong(vllm: Servers, tmp_path: Path, v2xum: Call) -> None:
    media = ["--set", f"models.captioner.media_path={media_path(vllm)}", "--set", "models.captioner.images=file"]
    done = v2xum("doctor", CONFIG, "--workspace", tmp_path, "--json", *vllm.sets(), *media)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert not [name for name, check in found.items() if check["status"] == "fail"]
    assert any("structured" in name and check["status"] == "ok" for name, check in found.items())


def media_path(vllm: Servers) -> Path:
    """The folder from which the captioner's server may read pictures."""
    command = vllm.captioner.command
    return Path(command[command.index("--allowed-local-media-path") + 1])


def replies(workspace: Path) -> int:
    """The number of replies in the ledger."""
    try:
        with sqlite3.connect(f"file:{workspace / 'ledger.sqlite'}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM replies").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def wait_until(true: Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
