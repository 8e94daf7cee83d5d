"""Unit vectors of frames and texts by any CLIP, batched over videos and cached on disk; long texts are not cut off.

A text that exceeds the CLIP's context (77 tokens) is split into sentences. A sentence that is still too long is split
into halves at the space nearest to its middle, until every piece fits. The vector of the text is the normalized mean of
the pieces' vectors. A text has filled the context if its vector stays the same when words are added at its end: this
test works with every tokenizer. Only a single word that is longer than the context is cut; such words are counted.

The cache's key is the SHA-256 of the checkpoint's name, the kind and the content (vector_cache.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from evaluation.cases import Flags, Prediction, Reference
from evaluation.metrics.crossmodal import (
    NO_REFERENCE,
    CrossModalOptions,
    CrossModalValues,
    Embedded,
    measure,
    predicted_frames,
    reference_frames,
    undefined_everywhere,
)
from evaluation.metrics.vector_cache import VectorCache
from models.clip import Clip, Vectors
from schemas.errors import ConfigError, PermanentError
from schemas.safe_text import plain_line

_TAIL = " and then 0 1 2 so on"  # added to a text to test whether the text fills the context
_SAME = 1e-5  # vectors of the same tokens differ by less, through rounding
_ALWAYS_FITS = 32  # ASCII characters that fit into every context: no tokenizer makes more tokens than bytes
_AT_ONCE = 256  # items that are embedded between two writes to the cache
_WINDOW = 16  # videos whose frames and texts are embedded together
_BORDER = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])[”’」』）]*\s*|\n+")
_ABBREVIATION = re.compile(r"(?i)(?:^|[\s(\"'])(?:mr|mrs|ms|dr|prof|st|vs|no|fig|e\.g|i\.e|approx|[a-z])\.$")


FrameFeatures = Callable[[Reference, Sequence[int]], Mapping[int, Vectors]]
"""Gives vectors (d,) by frame, for those frames of a video that already have vectors.

They have unit norm; with `vt_frames="raw"` they are as the CLIP gives them.
"""


class Pictures(NamedTuple):
    """Vectors (n, d) of pictures. `unreadable`: the reason by row; these rows are zero."""

    vectors: Vectors
    unreadable: dict[int, str]


class Embedder:
    """A CLIP that embeds equal items of one call once, and no item that the cache has."""

    def __init__(self, clip: Clip, cache: VectorCache | None = None) -> None:
        """Embed by `clip`. `made` counts the vectors made, `cut` the words that were too long for the context."""
        self._clip, self._cache, self.name = clip, cache, clip.name
        self.made, self.cut = 0, 0

    def pictures(self, images: Sequence[bytes], *, unit: bool = True) -> Pictures:
        """Embed JPEG or PNG bytes: unit vectors, or with `unit=False` the vectors as the CLIP gives them.

        A picture that cannot be read is named in `unreadable`.
        """
        bad: dict[bytes, str] = {}
        by = self._clip.embed_images if unit else self._clip.raw_image_vectors

        def embed(part: Sequence[bytes]) -> list[Vectors]:
            try:
                return list(by(part))
            except PermanentError as error:
                if len(part) == 1:
                    bad[part[0]] = plain_line(f"{error.reason} {error.evidence}")[:200]
                    return [np.zeros(0, np.float32)]
                return [vector for image in part for vector in embed([image])]

        kind = "picture" if unit else "picture.raw"
        vectors = self._remembered(kind, images, lambda image: image, embed, unit=unit)
        return Pictures(_stack(vectors), {i: bad[image] for i, image in enumerate(images) if image in bad})

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts of any length: one unit vector each, (n, d); (0, 0) for no texts."""
        return _stack(self._remembered("text.v1", texts, lambda text: text.encode("utf-8", "replace"), self._whole))

    def sentences(self, texts: Sequence[str]) -> list[Vectors]:
        """Embed the sentences of each text: unit vectors (s, d); (0, d) for a text without words."""
        parts = [split_sentences(text) for text in texts]
        vectors = self.texts([sentence for part in parts for sentence in part])
        ends = np.cumsum([len(part) for part in parts]).tolist()
        return [vectors[end - len(part) : end] for end, part in zip(ends, parts, strict=True)]

    def _remembered(
        self,
        kind: str,
        items: Sequence[Any],
        content: Callable[[Any], bytes],
        embed: Callable[[Sequence[Any]], list[Vectors]],
        *,
        unit: bool = True,
    ) -> list[Vectors]:
        keys = [hashlib.sha256(f"{self.name}\0{kind}\0".encode() + content(item)).digest() for item in items]
        unique = dict(zip(keys, items, strict=True))
        known = self._cache.get(list(unique), unit=unit) if self._cache else {}
        missing = [key for key in unique if key not in known]
        for start in range(0, len(missing), _AT_ONCE):
            part = missing[start : start + _AT_ONCE]
            fresh = dict(zip(part, embed([unique[key] for key in part]), strict=True))
            self.made += len(fresh)
            known |= fresh
            if self._cache:
                self._cache.put({key: vector for key, vector in fresh.items() if vector.any()})
        return [known[key] for key in keys]

    def _whole(self, texts: Sequence[str]) -> list[Vectors]:
        """One vector for each text: its own where the text fits, else the normalized mean of its pieces' vectors."""
        pieces: list[tuple[int, str]] = list(enumerate(texts))
        parts: list[list[Vectors]] = [[] for _ in texts]
        while pieces:
            vectors, fits = self._fitting([piece for _, piece in pieces])
            rest: list[tuple[int, str]] = []
            for (owner, piece), vector, fit in zip(pieces, vectors, fits, strict=True):
                smaller = [] if fit else _split(piece)
                rest += [(owner, part) for part in smaller]
                if not smaller:
                    self.cut += not fit
                    parts[owner].append(vector)
            pieces = rest
        return [_unit_mean(part) for part in parts]

    def _fitting(self, texts: Sequence[str]) -> tuple[Vectors, Flags]:
        vectors = self._clip.embed_texts(texts)
        fits = np.ones(len(texts), np.bool_)
        doubtful = [i for i, text in enumerate(texts) if len(text) > _ALWAYS_FITS or not text.isascii()]
        if doubtful:
            longer = self._clip.embed_texts([texts[i] + _TAIL for i in doubtful])
            fits[doubtful] = np.abs(longer - vectors[doubtful]).max(axis=1) > _SAME
        return vectors, fits


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, one line each, without control characters.

    A sentence ends after `.`, `!`, `?` or a similar mark, and at a line break. A full stop after an initial or a common
    English abbreviation does not end a sentence. Text without words gives no sentence.
    """
    sentences: list[str] = []
    start = 0
    for border in _BORDER.finditer(text):
        if not _ABBREVIATION.search(text[max(0, border.start() - 12) : border.start()]) or "\n" in border[0]:
            sentences.append(text[start : border.end()])
            start = border.end()
    lines = (plain_line(sentence) for sentence in [*sentences, text[start:]])
    return [line for line in lines if any(map(str.isalnum, line))]


def cross_modal(
    cases: Iterable[tuple[Reference, Prediction]],
    embedder: Embedder,
    options: CrossModalOptions,
    features: FrameFeatures | None = None,
    *,
    frames: bool = True,
    text: bool = True,
) -> Iterator[CrossModalValues]:
    """F_CLIP, Cross-F_CLIP and VT-CLIPScore of a stream of videos, in order. 16 videos are held in memory at a time.

    Frames are embedded from `Reference.pictures`; `features` may give vectors of the same checkpoint instead. A metric
    that needs a frame without vector and without readable picture is undefined, with the reason. `frames`, `text`:
    whether the system predicts frames and text at all; a video for which it does not counts as the worst. Raises
    ConfigError when `options.clip` is not the embedder's checkpoint.
    """
    if options.clip != embedder.name:
        raise ConfigError(f"the options name the CLIP {options.clip!r}, but {embedder.name!r} is loaded")
    stream = iter(cases)
    while window := list(islice(stream, _WINDOW)):
        needs = [_Needs(*case, options, frames=frames, text=text) for case in window]
        known = [dict(features(need.reference, need.frames)) if features else {} for need in needs]
        wanted = [
            [f for f in need.frames if f not in have and f in need.reference.pictures]
            for need, have in zip(needs, known, strict=True)
        ]
        places = [(i, frame) for i, frames in enumerate(wanted) for frame in frames]
        images = [needs[i].reference.pictures[frame] for i, frame in places]
        pictures = embedder.pictures(images, unit=options.vt_frames == "unit")
        unreadable = {places[row][0] for row in pictures.unreadable}
        for row, (i, frame) in enumerate(places):
            if row not in pictures.unreadable:
                known[i][frame] = pictures.vectors[row]
        texts = [text for need in needs for text in need.texts]
        units = embedder.sentences(texts)
        if options.text_unit == "text":
            vectors = embedder.texts(list(map(_lines, texts)))
            units = [vectors[i : i + min(len(unit), 1)] for i, unit in enumerate(units)]
        whole = embedder.texts([_lines(need.texts[-1]) for need in needs])
        at = 0
        for i, need in enumerate(needs):
            yield need.measured(known[i], i in unreadable, units[at : at + len(need.texts)], whole[i])
            at += len(need.texts)


class _Needs:
    """The frames and texts that the metrics of one video need; `measured` makes the metrics from their vectors."""

    def __init__(
        self, reference: Reference, prediction: Prediction, options: CrossModalOptions, *, frames: bool, text: bool
    ) -> None:
        self.reference, self.options = reference, options
        self._predicts_frames, self._predicts_text = frames, text
        failed = prediction.failure is not None
        self.texts = [*reference.texts, "" if failed else prediction.text or ""]
        flags = None if failed else predicted_frames(prediction, options)
        self._chosen = [] if flags is None else np.flatnonzero(flags).tolist()
        self._annotators = [np.flatnonzero(mask).tolist() for mask in reference_frames(reference)]
        self.frames: list[int] = sorted({f for chosen in (*self._annotators, self._chosen) for f in chosen})

    def measured(
        self, vectors: Mapping[int, Vectors], unreadable: bool, units: Sequence[Vectors], whole: Vectors
    ) -> CrossModalValues:
        """The metrics. `units`: the vectors of each of `texts`; `whole`: the vector of the whole predicted text."""
        why = "unreadable picture of a frame" if unreadable else "no picture of a frame"
        no_pictures = self._predicts_frames and not (vectors or self.reference.pictures)  # for whatever answer
        if no_pictures or any(frame not in vectors for frame in self._chosen):
            return undefined_everywhere(why)
        lacking = any(frame not in vectors for frames in self._annotators for frame in frames)

        def rows(frames: Sequence[int]) -> Vectors:
            return np.stack([vectors[f] for f in frames]) if frames else np.zeros((0, len(whole)), np.float32)

        raw = self.options.vt_frames == "raw"

        def unit(frames: Sequence[int]) -> Vectors:
            return _unit(rows(frames)) if raw else rows(frames)

        result = measure(
            Embedded(
                reference_frames=[] if lacking else [unit(frames) for frames in self._annotators],
                predicted_frames=unit(self._chosen) if self._predicts_frames else None,
                raw_frames=rows(self._chosen) if raw and self._predicts_frames else None,
                reference_texts=units[:-1],
                predicted_text=units[-1] if self._predicts_text else None,
                whole_text=whole if self._predicts_text else None,
            ),
            self.options,
        )
        # The reference did select frames; they have no picture.
        reasons = {
            name: why if lacking and reason == NO_REFERENCE else reason for name, reason in result.undefined.items()
        }
        return CrossModalValues(result.values, reasons)


def _lines(text: str) -> str:
    """A text without control characters. Its line breaks stay."""
    return "\n".join(filter(None, map(plain_line, text.splitlines())))


def _split(text: str) -> list[str]:
    """The sentences of a text; the halves of a single sentence; nothing for a single word."""
    sentences = split_sentences(text)
    if len(sentences) > 1:
        return sentences
    words = text.split()
    if len(words) < 2:
        return []
    middle = sum(map(len, words)) / 2
    count, length = 0, 0
    while count < len(words) - 1 and length < middle:
        length += len(words[count])
        count += 1
    return [" ".join(words[:count]), " ".join(words[count:])]


def _unit(vectors: Vectors) -> Vectors:
    """Rows (n, d) with unit norm; a zero row stays."""
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, np.where(norms > 0, norms, 1.0)).astype(np.float32)
    return unit


def _unit_mean(vectors: Sequence[Vectors]) -> Vectors:
    if len(vectors) == 1:
        return vectors[0]
    mean = np.mean(np.stack(vectors), axis=0, dtype=np.float64)
    norm = float(np.linalg.norm(mean))
    unit: Vectors = np.divide(mean, norm if norm > 0 else 1.0).astype(np.float32)
    return unit


def _stack(vectors: Sequence[Vectors]) -> Vectors:
    """Vectors as rows of one array. A vector of width 0 (of an unreadable picture) becomes a row of zeros."""
    width = max(map(len, vectors), default=0)
    if not vectors:
        return np.zeros((0, 0), np.float32)
    return np.stack([v if len(v) else np.zeros(width, np.float32) for v in vectors])
