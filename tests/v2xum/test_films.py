"""One film: its frames and captions by the real decoder and the demo's captioner, and an interrupted call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from _thread import interrupt_main
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import v2xum
from schemas.errors import Interrupted
from schemas.repository import ROOT
from tests.curation.release.reconstruct.filmed import film
from v2xum.runs import _interruptible

CONFIG = ROOT / "configs" / "demo.yaml"
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("torch")]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "film.mp4", 1, 4).path


@pytest.fixture(scope="module")
def frames(path: Path) -> v2xum.Frames:
    return v2xum.sample_frames(path, fps=2, short_side=64)


def test_frames_are_pictures_with_times(frames: v2xum.Frames, path: Path) -> None:
    assert len(frames) == 8 and [frame.time for frame in frames] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    assert frames.array().shape == (8, frames.height, frames.width, 3) and frames.array().dtype == np.uint8
    assert min(frames.height, frames.width) == 64 and frames[3].image().size == (frames.width, frames.height)
    table = frames.to_pandas()
    assert table["time"].tolist() == [frame.time for frame in frames] and str(table["same_as"].dtype) == "Int64"
    assert frames._repr_html_().count("data:image/jpeg") == 8 and "data:image/jpeg" in frames[0]._repr_html_()
    assert [name.name for name in path.parent.iterdir()] == ["film.mp4"]  # nothing is left beside it


def test_a_script_is_not_begun_again_in_child_processes(path: Path, tmp_path: Path) -> None:
    """As people write scripts: without `if __name__ == "__main__"`."""
    script = tmp_path / "script.py"
    script.write_text("import sys, v2xum\nprint('begun')\nprint(len(v2xum.sample_frames(sys.argv[1], fps=1)))\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, script, path], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "begun\n4\n", "")


def test_captions_are_those_of_the_frames(frames: v2xum.Frames) -> None:
    captions = v2xum.caption(frames, CONFIG)
    assert len(captions) + len(captions.record.failed) == len(frames) and all(one.text for one in captions)
    assert list(captions.to_pandas().columns) == ["index", "time", "text", "reused_from"]
    assert captions.record.maker.prompt == "caption-tiny.v1" and "data:image/jpeg" in captions._repr_html_()


def test_what_cannot_be_used_is_told(path: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    wrong = [
        (lambda: v2xum.sample_frames(tmp_path / "nowhere.mp4"), "nowhere.mp4"),
        (lambda: v2xum.sample_frames(tmp_path / "text.mp4"), "text.mp4 cannot be sampled: not_a_video"),
        (lambda: v2xum.sample_frames(path, fps=0, short_side=1), "fps: .*; short_side: "),
        (lambda: v2xum.sample_frames(path, max_frames=2), "too_long"),
        (lambda: v2xum.sample_frames("http://127.0.0.1:9/film.mp4"), "address_not_allowed"),
        (lambda: v2xum.caption(path, CONFIG, settings={"caption.promptt": "x"}), "did you mean 'prompt'"),
        (lambda: v2xum.caption(path, tmp_path / "nowhere.yaml"), "nowhere.yaml: no such file"),
        (lambda: v2xum.summarize(path, tmp_path / "nowhere"), "nowhere"),
        (lambda: v2xum.curate(CONFIG, workspace=tmp_path / "w"), "no sources"),
        (lambda: v2xum.curate(CONFIG, "nowhere/", workspace=tmp_path / "w"), "nowhere"),
    ]
    for call, told in wrong:
        with pytest.raises(v2xum.ConfigError, match=told):
            call()


def test_an_interrupt_stops_at_a_safe_point(request: pytest.FixtureRequest) -> None:
    request.addfinalizer(partial(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT)))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin without it
    stop, began = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        assert stop.wait(30)
        raise Interrupted("stopped at a safe point")

    def interrupt() -> None:
        began.wait(30)
        time.sleep(0.05)
        interrupt_main()

    threading.Thread(target=interrupt).start()
    with pytest.raises(Interrupted, match="safe point"):
        _interruptible(work, stop)
