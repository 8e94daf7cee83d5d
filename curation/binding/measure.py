"""What the binding audit measures of one video alone: a seeded choice of its captions, their vectors, the own match."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from curation.binding.parts import CaptionsPart, FramesPart
from curation.binding.window import Shown, caption_key
from models.clip import Clip
from schemas.records import CaptionSet, FrameSet
from schemas.time import FrameIndex

Vector = NDArray[np.float32]


def random_of(digest: str) -> random.Random:
    """The random numbers for the captions with this digest: the same ones in every process."""
    return random.Random(f"binding {digest}")  # noqa: S311


def draw_captions(
    video_id: str, frames: FrameSet | FramesPart, captions: CaptionSet | CaptionsPart, size: int, rng: random.Random
) -> list[Shown]:
    """A random choice of up to `size` captions that were written for their own frame, in the order of the frames."""
    own = [caption for caption in captions.captions if caption.reused_from is None]
    chosen = sorted(rng.sample(own, min(size, len(own))), key=lambda caption: caption.index)
    hashes = {frame.index: frame.phash for frame in frames.frames}
    return [Shown(video_id, caption.index, caption.text, hashes[caption.index]) for caption in chosen]


def compare_within(shown: Sequence[Shown], vectors: Sequence[tuple[Vector, Vector]]) -> tuple[int, int]:
    """How often a caption is nearer to its own frame than to one of its video with another caption, and of how many.

    It depends on the video alone, so that a run that was killed and resumed publishes the same figure.
    """
    keys = [caption_key(caption.text) for caption, _ in zip(shown, vectors, strict=False)]
    won = of = 0
    for key, (picture, text) in zip(keys, vectors, strict=True):
        own = float(picture @ text)
        others = [float(other @ text) for name, (other, _) in zip(keys, vectors, strict=True) if name != key]
        won += sum(own > cosine for cosine in others)
        of += len(others)
    return won, of


def embed(clip: Clip, shown: Sequence[Shown], read: Callable[[FrameIndex], bytes]) -> list[tuple[Vector, Vector]]:
    """The vectors of the picture and of the text of each caption."""
    pictures = clip.embed_images([read(caption.frame) for caption in shown])
    texts = clip.embed_texts([caption.text for caption in shown])
    return list(zip(pictures, texts, strict=True))
