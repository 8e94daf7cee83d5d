"""Spoken sentences whose words are known: espeak-ng says them, with pauses between, and a film carries the sound."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from curation.video.encode import own_schedule

SENTENCES = (
    "The red kite rises over the hill while two children run after it.",
    "A small boat crosses the river and stops beside the old bridge.",
    "She opens the window, and the light falls on the wooden table.",
    "At the market a man sells apples, pears and yellow flowers.",
    "The train leaves the station at half past seven in the morning.",
    "First we cut the onions, and then we put them into the hot pan.",
    "Nobody saw the dog that slept behind the garden wall.",
    "The teacher draws a circle on the board and explains the problem.",
    "It begins to rain, so the players leave the field.",
    "In the end the team wins by three points, and everybody cheers.",
    "The engine starts again after the second attempt.",
    "A woman in a green coat waits for the bus in front of the museum.",
)
PAUSE = 1.2  # seconds between two sentences
_LEAD = 3.0  # seconds of silence before the first


def has_voice() -> bool:
    """Whether espeak-ng is installed."""
    return shutil.which("espeak-ng") is not None


def say(sentences: Sequence[str]) -> tuple[NDArray[np.int16], int, list[tuple[float, float]]]:
    """The sound of sentences, its rate, and from when to when (seconds) each is said. Needs espeak-ng."""
    parts: list[NDArray[np.int16]] = []
    times = []
    rate = at = 0
    for sentence in sentences:
        done = subprocess.run(
            ["espeak-ng", "-v", "en-us", "-s", "150", "--stdout", sentence], capture_output=True, check=True
        )
        # It does not know the length when it writes the head: the samples are all that follows.
        with wave.open(io.BytesIO(done.stdout)) as file:
            rate = file.getframerate()
        samples = np.frombuffer(done.stdout[44 : 44 + (len(done.stdout) - 44) // 2 * 2], "<i2")
        silence = np.zeros(round((PAUSE if parts else _LEAD) * rate), np.int16)
        at += silence.size
        times.append((at / rate, (at + samples.size) / rate))
        at += samples.size
        parts += [silence, samples]
    return np.concatenate(parts), rate, times


def film(path: Path, samples: NDArray[np.int16], rate: int) -> Path:
    """A film of a gray picture a second, with this sound."""
    seconds = int(samples.size / rate) + 1
    with own_schedule(), av.open(str(path), "w") as target:
        video: Any = target.add_stream("libx264", rate=1, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound: Any = target.add_stream("pcm_s16le", rate=rate, layout="mono")
        for number in range(seconds):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 100, np.uint8), format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1)
            target.mux(video.encode(picture))
        target.mux(video.encode(None))
        for at in range(0, samples.size, 4096):
            part = av.AudioFrame.from_ndarray(samples[None, at : at + 4096], format="s16", layout="mono")
            part.sample_rate, part.time_base, part.pts = rate, Fraction(1, rate), at
            target.mux(sound.encode(part))
        target.mux(sound.encode(None))
    return path


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def error_rate(said: str, heard: str) -> float:
    """The word-error rate: insertions, deletions and substitutions of words, by the words that were said."""
    return Levenshtein.distance(words(said), words(heard)) / max(1, len(words(said)))
