"""A hash of the content of a sample that a person is shown: a verdict counts for exactly this content."""

from __future__ import annotations

import hashlib
import json

from schemas.records import Sample

_VERSION = "v2xum review content 1"


def content_sha256(sample: Sample) -> str:
    """SHA-256 (64 hex) of the video file, the sampling rate, the keyframes' frames and captions, and the sentences.

    `sample` is as the models made it, without verdicts applied. Other changes (title, prompts, tokens, captions of
    frames that are not keyframes) do not change the hash.
    """
    captions = {caption.index: caption.text for caption in sample.captions.captions}
    frames = sample.frames.frames
    keyframes = [
        (index, frames[index].time, frames[index].pts, frames[index].sha256, captions.get(index))
        for index in sample.extract.keyframes
    ]
    sentences = [(sentence.times, sentence.text) for sentence in sample.summary.v2vt]
    parts = (_VERSION, sample.video.sha256, sample.frames.fps, keyframes, sentences)
    return hashlib.sha256(json.dumps(parts, allow_nan=False).encode()).hexdigest()
