"""Transcription requests of the faulty server: reads them as vLLM does, and answers with text that only this sound has.

A hearing is a function from a SpeechRequest to the document of the answer, or to the bytes of a body that is none.
"""

from __future__ import annotations

import hashlib
import io
import wave
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from aiohttp import web
from multidict import MultiDictProxy
from numpy.typing import NDArray

from demo.faulty_server.answers import Refused, caption_of
from demo.faulty_server.requests import Character


class SpeechRequest(NamedTuple):
    """A piece of sound: its samples (-1..1) at `rate` a second, its hash, and the language that the client states."""

    samples: NDArray[np.float32]
    rate: int
    sha256: str
    language: str | None

    @property
    def seconds(self) -> float:
        """The length of the sound."""
        return len(self.samples) / self.rate


Hearing = Callable[[SpeechRequest], Mapping[str, Any] | bytes]
_Form = MultiDictProxy[str | bytes | bytearray | web.FileField]


def read_speech(form: _Form, character: Character) -> SpeechRequest:
    """Read the form of a transcription request. Raises Refused."""
    if form.get("model") != character.model:
        raise Refused(404, f"The model {form.get('model')!r} does not exist.")
    if form.get("response_format") != "verbose_json":
        raise Refused(400, "this server answers verbose_json alone")
    file = form.get("file")
    if not isinstance(file, web.FileField):
        raise Refused(400, "Field required: file")
    data = file.file.read()
    file.file.close()
    try:
        with wave.open(io.BytesIO(data)) as sound:
            if (sound.getnchannels(), sound.getsampwidth()) != (1, 2):
                raise Refused(400, "Invalid or unsupported audio file.")
            rate, frames = sound.getframerate(), sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise Refused(400, "Invalid or unsupported audio file.") from error
    samples = np.asarray(np.frombuffer(frames, "<i2") / 2**15, np.float32)
    language = form.get("language")
    name = language if isinstance(language, str) else None
    return SpeechRequest(samples, rate, hashlib.sha256(data).hexdigest(), name)


def hashed_speech(speech: SpeechRequest) -> Mapping[str, Any]:
    """Answer by hash: one segment over the whole piece, with a text that only this sound has."""
    return document([(0.0, speech.seconds, caption_of(speech.sha256))], speech)


def document(said: list[tuple[float, float, str]], speech: SpeechRequest, **changes: Any) -> dict[str, Any]:
    """The document of vLLM for segments (start, end, text): without words and without the chance of no speech.

    `changes` are further keys of every segment.
    """
    segments = [
        {
            "id": number,
            "seek": 0,
            "start": start,
            "end": end,
            "text": text,
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": -0.2,
            "compression_ratio": 1.0,
            "no_speech_prob": None,
            **changes,
        }
        for number, (start, end, text) in enumerate(said)
    ]
    return {
        "duration": speech.seconds,
        "language": speech.language or "en",
        "text": " ".join(text for _, _, text in said),
        "segments": segments,
        "words": None,
    }
