"""A machine for which decord has no wheel: every process there finds no decord."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.curation import barcode
from tests.places import ROOT

SAMPLES = """
import hashlib, json, sys
from pathlib import Path
from curation.frames.sample import check_backend, sample_frames
from curation.plan.doctor import check_decoders
from curation.video.sandbox import Sandbox
from schemas.configuration.config import FrameConfig
from schemas.errors import ConfigError
from schemas.records import Publication, Video

if __name__ == "__main__":
    path, out = Path(sys.argv[1]), Path(sys.argv[2])
    video = Video(id="clip", sha256=hashlib.sha256(path.read_bytes()).hexdigest(), bytes=1, extension="mp4",
                  container="mp4", codec="h264", duration=None, fps=None, width=160, height=120, rotation=0,
                  has_audio=False, publication=Publication())
    with Sandbox(1) as pool:
        made = sample_frames(video, path, FrameConfig(cross_check=3), out, pool)
        try:
            sample_frames(video, path, FrameConfig(backend="decord"), out, pool)
            refused = ""
        except ConfigError as error:
            refused = str(error)
    checks = {each: [check._asdict() for check in check_decoders(each)] for each in ("pyav", "decord")}
    print(json.dumps({"frames": len(made.frames), "backend": made.backend, "check": made.cross_check.model_dump(),
                      "refused": refused, "checks": checks}))
"""


def without_decord(folder: Path) -> dict[str, str]:
    """The environment of processes that cannot import decord, nor can their children."""
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['decord'] = None\n", encoding="utf-8")
    return os.environ | {"PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}


@pytest.mark.slow
def test_everything_but_decord_works_and_says_so(tmp_path: Path) -> None:
    clip = barcode.make(tmp_path / "clip.mp4", barcode.steady(10, 5)).path
    (tmp_path / "out").mkdir()
    script = tmp_path / "samples.py"
    script.write_text(SAMPLES, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), str(clip), str(tmp_path / "out")],
        env=without_decord(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert (told["frames"], told["backend"]) == (5, "pyav")
    assert (told["check"]["compared"], told["check"]["note"]) == (0, "skipped: decord is not installed")
    assert "x86_64 only" in told["refused"] and "frames.backend: pyav" in told["refused"]
    for backend, status in (("pyav", "warn"), ("decord", "fail")):
        by_name = {check["name"]: check for check in told["checks"][backend]}
        assert by_name["decoder pyav"]["status"] == "ok"
        assert by_name["decoder decord"]["status"] == status and "pyav" in by_name["decoder decord"]["fix"]


@pytest.mark.slow
def test_a_run_that_wants_decord_ends_with_one_sentence_before_any_video(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    barcode.make(films / "clip.mp4", barcode.steady(10, 5))
    sources = ["--source", str(films), "--workspace", str(tmp_path / "workspace")]
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "curate", "configs/demo.yaml", *sources, "--set", "frames.backend=decord"],
        cwd=ROOT,
        env=without_decord(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode not in (0, None) and "Traceback" not in said, said[-3000:]
    assert "frames.backend: pyav" in " ".join(said.split()), said[-3000:]
