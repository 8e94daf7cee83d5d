"""Real speech recognition: espeak-ng speaks, Whisper base hears, and every sentence is found at its time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.speech.spoken import has_voice
from benchmarks.speech.whisper_base import whisper_base
from models.smollm import smollm2
from schemas.errors import ConfigError
from tests.places import ROOT

PACKAGES = ROOT / ".venv-speech"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PACKAGES.exists(), reason="faster-whisper is not there: make speech"),
    pytest.mark.skipif(not has_voice(), reason="espeak-ng is not installed"),
]


def measured(*words: str) -> dict[str, Any]:
    """The figures of a benchmark on three sentences."""
    try:
        whisper_base()
    except ConfigError as error:
        pytest.skip(f"Whisper base cannot be fetched: {error}")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words, "--sentences", "3", "--json"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(PACKAGES), str(ROOT)))},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("voice", ["loudness", "silero"])
def test_what_is_said_is_recognised_at_its_time(voice: str) -> None:
    found = measured("speech", "--voice", voice)
    print(f"word-error rate {found['error_rate']:.3f} in pieces, {found['error_rate_whole']:.3f} whole")
    assert found["error_rate"] < 0.5 and found["dropped"] == []
    for word, (start, end) in zip(("kite", "boat", "window"), found["times"], strict=True):
        [segment] = [s for s in found["segments"] if word in s[2].lower()]
        assert segment[0] == pytest.approx(start, abs=1.0) and segment[1] == pytest.approx(end, abs=1.0)


def test_a_real_model_corrects_what_was_really_heard_and_makes_nothing_of_its_own() -> None:
    try:
        smollm2()
    except ConfigError as error:
        pytest.skip(f"SmolLM2 cannot be fetched: {error}")
    found = measured("denoiser", "--noise", "5")
    for name in ("whisper", "captions"):
        (before, after), (_, best) = found[name]["error_rate"], found[f"{name}_knowing"]["error_rate"]
        print(f"{name}: word-error rate {before:.3f} as heard, {after:.3f} corrected, {best:.3f} by one who knows")
        assert best < before, "the rule lets true corrections pass"
        for line, text in found[name]["changes"]:
            assert abs(len(line.split()) - len(text.split())) <= 2
    assert found["captions_knowing"]["written"][1] < found["captions_knowing"]["written"][0] / 2
