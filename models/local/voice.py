"""Where somebody speaks in a sound, by silero VAD: a network of 2 MB that the package faster-whisper carries (MIT).

It tells speech from music and noise, which loudness cannot. It runs in this process on the CPU (onnxruntime).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from models.identity import checkpoint_errors
from schemas.kit.wav import RATE, SAMPLE

_BLOCK = 600 * RATE  # samples that are looked at together; the network forgets what was a second ago
_OPTIONS = {"threshold": 0.5, "min_speech_duration_ms": 60, "min_silence_duration_ms": 300, "speech_pad_ms": 0}


class SileroVoice:
    """Finds speech in files of samples. Threads may share it."""

    def __init__(self) -> None:
        """Load the network. Raises ConfigError without the extra `speech`."""
        with checkpoint_errors("silero", extra="speech"):
            from faster_whisper import vad

            self._find: Any = vad.get_speech_timestamps
            self._options: Any = vad.VadOptions(**_OPTIONS)
            vad.get_vad_model()
        self._running = threading.Lock()

    def spans(self, file: Path) -> Iterator[tuple[float, float]]:
        """The spans of speech (seconds) in a file of samples, in order."""
        with file.open("rb") as stream:
            at = 0
            while data := stream.read(_BLOCK * SAMPLE):
                samples = np.frombuffer(data, "<i2").astype(np.float32) / 2**15
                with self._running:
                    found = self._find(samples, self._options)
                for span in found:
                    yield (at + span["start"]) / RATE, (at + span["end"]) / RATE
                at += len(samples)
