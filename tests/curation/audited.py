"""Samples of the demo's world as a faultless pipeline would make them, and faults that the audit must detect."""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import json
import random
from collections.abc import Sequence

from PIL import Image

import prompts
from curation.audit.audit import Tools, audit
from curation.audit.judge import CRITERIA
from curation.frames.similarity import look_at
from demo import world
from demo.render import draw
from demo.world import COLOURS, SHAPES, Script
from models.clip import Vectors
from models.embedding.sentences import NgramEmbedder
from schemas.audit import Audit
from schemas.configuration.config import AuditConfig
from schemas.records import Caption, CaptionSet, Effort, Frame, FrameSet, Sentence, Summary
from tests.curation.scripted import MAKER

SHA = "a" * 64


make_script = functools.cache(world.make_script)


@functools.cache
def drawn(seed: int, second: int) -> bytes:
    """The JPEG of one second of a script."""
    stream = io.BytesIO()
    draw(make_script(seed), second).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def frame_set(script: Script, *, looks: bool = False) -> FrameSet:
    """The sampled frames; each place of the script is a shot. With `looks`, keyframes have their picture's hash."""
    hashes = dict.fromkeys(range(script.duration), "0" * 16)
    if looks:
        for second in script.keyframes:
            hashes[second] = look_at(Image.open(io.BytesIO(drawn(script.seed, second))).convert("RGB")).phash
    places = [script.at(second).place for second in range(script.duration)]
    starts = [0, *(i for i in range(1, len(places)) if places[i] != places[i - 1]), len(places)]
    shots = tuple((first, after - 1) for first, after in itertools.pairwise(starts))
    frames = tuple(
        Frame(index=i, time=float(i), pts=float(i), sha256=SHA, phash=hashes[i], shot=0) for i in range(script.duration)
    )
    return FrameSet(video_sha256=SHA, backend="pyav", fps=1.0, width=320, height=240, frames=frames, shots=shots)


def caption_set(texts: tuple[str, ...]) -> CaptionSet:
    """One caption for each second."""
    captions = tuple(
        Caption(index=i, time=float(i), video_sha256=SHA, pts=float(i), image_sha256=SHA, text=text)
        for i, text in enumerate(texts)
    )
    return CaptionSet(maker=MAKER, captions=captions)


def summary_of(sentences: tuple[Sentence, ...]) -> Summary:
    """A summary whose keyframes are the cited times."""
    times = tuple(sorted({time for sentence in sentences for time in sentence.times}))
    return Summary(maker=MAKER, v2v=times, v2t=" ".join(s.text for s in sentences), v2vt=sentences, effort=Effort())


def true_sentences(script: Script) -> tuple[Sentence, ...]:
    """The true summary: one sentence for each event."""
    return tuple(Sentence(times=tuple(map(float, e.seconds)), text=e.sentence) for e in script.events)


def rotated(sentences: tuple[Sentence, ...], count: int) -> tuple[Sentence, ...]:
    """The first `count` sentences swap their keyframes in a circle (0 and 1: nothing changes)."""
    times = [s.times for s in sentences]
    times[:count] = times[1:count] + times[:1] if count else []
    return tuple(Sentence(times=t, text=s.text) for t, s in zip(times, sentences, strict=True))


def absent(script: Script, seconds: Sequence[int]) -> str:
    """A sentence about an object and an action that are not in the pictures of these seconds."""
    said = " ".join(script.captions[second] for second in seconds).lower()
    rng = random.Random(script.seed)
    colour = rng.choice([c for c in COLOURS if c not in said])
    return f"A {colour} {rng.choice([s for s in SHAPES if s not in said])} explodes."


class Eyes:
    """A CLIP that is exact in the demo's world: the vector of a picture is the vector of its true caption.

    `embed` gives the vectors of texts; pictures are recognized by their bytes.
    """

    name = "eyes"

    def __init__(self, embed, seeds: tuple[int, ...]) -> None:
        self._embed = embed
        self._captions = {
            hashlib.sha256(drawn(seed, second)).digest(): make_script(seed).captions[second]
            for seed in seeds
            for second in make_script(seed).keyframes
        }

    def embed_images(self, images) -> Vectors:
        return self._embed([self._captions[hashlib.sha256(image).digest()] for image in images])

    def embed_texts(self, texts) -> Vectors:
        return self._embed(list(texts))


def reader(seed: int):
    """A function that reads the pictures of a script."""
    return lambda index: drawn(seed, index)


def rated(score: int, reason: str = "All of it is there.") -> str:
    """A judge's reply with the same score for every criterion."""
    return json.dumps({name: {"reason": reason, "score": score} for name in CRITERIA})


EMBEDDER = NgramEmbedder(4096)
PLAIN = Tools(lambda: EMBEDDER, lambda: None, lambda: None)
JUDGE_PROMPT = prompts.load("judge.v1")


def measure(
    seed: int,
    *,
    sentences: tuple[Sentence, ...] | None = None,
    texts: tuple[str, ...] | None = None,
    tools: Tools = PLAIN,
    config: AuditConfig | None = None,
    looks: bool = False,
) -> Audit:
    """The audit of a script's sample, with the true sentences and captions or with others."""
    script = make_script(seed)
    return audit(
        frame_set(script, looks=looks),
        caption_set(texts or script.captions),
        summary_of(sentences or true_sentences(script)),
        reader(seed),
        tools,
        config or AuditConfig(),
    )
