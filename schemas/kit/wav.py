"""WAV files of speech in memory: one channel, 16,000 samples a second, 16 bits a sample."""

from __future__ import annotations

import io
import wave

RATE = 16_000  # samples a second, as speech recognisers take them
SAMPLE = 2  # bytes
_HEAD = 44  # bytes before the samples, in a file that the module `wave` writes


def wav_of(samples: bytes) -> bytes:
    """Samples (16 bits, little-endian) as a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE)
        file.setframerate(RATE)
        file.writeframes(samples)
    return out.getvalue()


def samples_of(wav: bytes) -> bytes:
    """The samples of a file that `wav_of` made."""
    return wav[_HEAD:]


def wav_seconds(wav: bytes) -> float:
    """The length of a file that `wav_of` made."""
    return max(0, len(wav) - _HEAD) / (RATE * SAMPLE)
