"""The `faster_whisper` engine of speech recognition: a Whisper checkpoint that runs in this process (CTranslate2).

Every piece is heard greedily at temperature 0 and alone, so that equal sound gives equal text. Whisper's own remedies
(another try at a higher temperature, silence taken out) are off: what it doubts comes back with its doubts, and the
stage decides and says so.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.chat import Arrived, Reply, Request
from models.hub import weights_revision
from models.identity import checkpoint_errors, identify_transcriber
from schemas.configuration.model_config import LocalWhisper
from schemas.kit.wav import samples_of
from schemas.parts.heard import Heard, HeardSegment, HeardWord
from schemas.safe_text import clean_text


class LocalTranscriber:
    """A Whisper checkpoint in this process. Threads may share it: one piece is heard at a time."""

    whole_batches = False
    context = 0

    def __init__(self, config: LocalWhisper) -> None:
        """Load the checkpoint. Raises ConfigError when it, or the extra `speech`, is missing."""
        self.name, self.revision, self.sampling = identify_transcriber(config)
        self.batch = 1
        self._beam = config.beam
        self._running = threading.Lock()
        kind, _, number = config.device.partition(":")
        with checkpoint_errors(config.model, extra="speech"):
            from faster_whisper import WhisperModel

            self._model: Any = WhisperModel(
                config.model,
                device=kind,
                device_index=int(number or 0),
                compute_type=config.dtype,
                cpu_threads=config.threads or 0,
                revision=weights_revision(config.model, config.revision),
            )

    def count_tokens(self, text: str) -> int:
        """No token: what is asked is sound."""
        return 0

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """What is heard in every piece, in order."""
        replies = []
        for place, request in enumerate(requests):
            with self._running:
                heard = self._hear(request)
            replies.append(Reply(heard.canonical(), "stop", 0, 0))
            if arrived is not None:
                arrived(place, replies[-1])
        return replies

    def _hear(self, request: Request) -> Heard:
        samples = np.frombuffer(samples_of(request.sound or b""), "<i2").astype(np.float32) / 2**15
        segments, info = self._model.transcribe(
            samples,
            language=request.text or None,
            beam_size=self._beam,
            temperature=0.0,
            condition_on_previous_text=False,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            word_timestamps=True,
            vad_filter=False,
        )
        found = (_segment(segment) for segment in segments)
        return Heard(language=info.language, segments=tuple(one for one in found if one is not None))


def _segment(segment: Any) -> HeardSegment | None:
    text = clean_text(segment.text)
    if not text:
        return None
    words = ((word.start, word.end, clean_text(word.word)) for word in segment.words or ())
    return HeardSegment(
        start=round(float(segment.start), 3),
        end=round(float(segment.end), 3),
        text=text,
        words=tuple(
            HeardWord(start=round(float(a), 3), end=round(float(b), 3), text=word) for a, b, word in words if word
        ),
        mean_log_probability=_finite(segment.avg_logprob),
        no_speech=_finite(segment.no_speech_prob),
    )


def _finite(value: float | None) -> float | None:
    return round(float(value), 6) if value is not None and math.isfinite(value) else None
