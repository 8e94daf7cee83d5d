"""Films with sound whose content is known: tones that stand for words, and a hearing that knows them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from curation.video.encode import own_schedule
from demo.faulty_server.speech import SpeechRequest, document

RATE = 16_000
WORDS = {400: "kite", 700: "river", 1000: "engine", 1300: "lamp", 1600: "drum"}
_WINDOW = 0.1  # seconds of sound that are heard as one word or none


class Track(NamedTuple):
    """A track of sound: samples at RATE, its language, whether it is the default, and when it begins (s)."""

    samples: NDArray[np.int16]
    language: str | None = None
    default: bool = True
    start: float = 0.0


def tone(word: str, seconds: float, level: float = 0.3) -> NDArray[np.int16]:
    """A word that lasts so long."""
    frequency = next(f for f, name in WORDS.items() if name == word)
    wave = np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)
    return (level * 2**15 * wave).astype(np.int16)


def spoken(*parts: float | tuple[str, float]) -> NDArray[np.int16]:
    """Sound of silence (seconds) and words (word, seconds), one after the other."""
    sound = [np.zeros(round(p * RATE), np.int16) if isinstance(p, int | float) else tone(*p) for p in parts]
    return np.concatenate(sound)


def film(path: Path, *tracks: Track, codec: str = "pcm_s16le", start: float = 0.0, seconds: float = 2.0) -> Path:
    """A film of gray pictures from `start` on, with these tracks."""
    clock = 1000
    with own_schedule(), av.open(str(path), "w") as target:
        video: Any = target.add_stream("libx264", rate=5, options={"preset": "ultrafast", "bf": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, clock)
        streams: list[Any] = []
        for track in tracks:
            stream: Any = target.add_stream(codec, rate=RATE, layout="mono")
            if track.language is not None:
                stream.metadata["language"] = track.language
            stream.disposition = 1 if track.default else 0
            streams.append(stream)
        for number in range(round(seconds * 5)):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 100, np.uint8), format="rgb24")
            picture.pts, picture.time_base = round((start + number / 5) * clock), Fraction(1, clock)
            target.mux(video.encode(picture))
        target.mux(video.encode(None))
        for stream, track in zip(streams, tracks, strict=True):
            for at in range(0, len(track.samples), 1024):
                part = av.AudioFrame.from_ndarray(track.samples[None, at : at + 1024], format="s16", layout="mono")
                part.sample_rate, part.time_base = RATE, Fraction(1, RATE)
                part.pts = at + round(track.start * RATE)
                target.mux(stream.encode(part))
            target.mux(stream.encode(None))
    return path


def heard_words(samples: NDArray[np.float32], rate: int = RATE) -> list[tuple[float, float, str]]:
    """The words of a sound with their times, by the strongest frequency of each tenth of a second."""
    size = round(_WINDOW * rate)
    found: list[tuple[float, float, str]] = []
    for number in range(len(samples) // size):
        part = samples[number * size : (number + 1) * size]
        if np.abs(part).max() < 0.02:
            continue
        strongest = np.argmax(np.abs(np.fft.rfft(part))) * rate / size
        word = min(WORDS.items(), key=lambda known: abs(known[0] - strongest))[1]
        start, end = round(number * _WINDOW, 3), round((number + 1) * _WINDOW, 3)
        if found and found[-1][2] == word and abs(found[-1][1] - start) < 1e-6:
            found[-1] = found[-1][0], end, word
        else:
            found.append((start, end, word))
    return found


def hear(speech: SpeechRequest) -> Mapping[str, Any]:
    """The document of a server that knows the words: a segment for each, with the word's times."""
    said = heard_words(speech.samples, speech.rate)
    found = document(said, speech)
    found["words"] = [{"word": word, "start": start, "end": end} for start, end, word in said]
    return found


def texts(segments: Sequence[Any]) -> list[str]:
    """The texts of segments."""
    return [segment.text for segment in segments]
