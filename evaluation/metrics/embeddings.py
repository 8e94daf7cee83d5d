"""Vectors of frames and texts by any CLIP, each made once: cached on disk, batched over videos, no text cut.

A text that exceeds the CLIP's context (77 tokens) is taken apart into sentences, a sentence that is still too long into
halves at the space nearest to its middle, until every piece fits; its vector is the normalized mean of theirs. Which
texts fit is asked of the CLIP itself, whatever its tokenizer: a text whose vector stays the same when words are added
at its end has filled the context. Only a single word that is longer than the context is cut, and counted.

Vectors are remembered by the SHA-256 of the checkpoint's name, the kind and the content (vector_cache.py).
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
    failed,
    measure,
    predicted_frames,
    reference_frames,
    undefined_everywhere,
)
from evaluation.metrics.vector_cache import VectorCache
from models.clip import Clip, Vectors
from schemas.errors import ConfigError, PermanentError
from schemas.safe_text import plain_line

_TAIL = " and then 0 1 2 so on"  # what tells whether a text fills the context
_SAME = 1e-5  # vectors of one row of tokens differ by rounding alone
_SURE = 32  # ASCII characters that fit into every context: no tokenizer makes more tokens than bytes
_AT_ONCE = 256  # items between two writes to the cache
_WINDOW = 16  # videos whose frames and texts are embedded together
_BORDER = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])[”’」』）]*\s*|\n+")
_ABBREVIATION = re.compile(r"(?i)(?:^|[\s(\"'])(?:mr|mrs|ms|dr|prof|st|vs|no|fig|e\.g|i\.e|approx|[a-z])\.$")


FrameFeatures = Callable[[Reference, Sequence[int]], Mapping[int, Vectors]]
"""Ready unit vectors (d,) of those frames of a video that it has some for."""


class Pictures(NamedTuple):
    """Unit vectors (n, d) of pictures; rows in `unreadable` (with why) are zero."""

    vectors: Vectors
    unreadable: dict[int, str]


class Embedder:
    """A CLIP whose vectors are remembered, in memory for one call and on disk where a cache is given."""

    def __init__(self, clip: Clip, cache: VectorCache | None = None) -> None:
        """Embed by `clip`; `name` is the checkpoint's. `cut` counts words that no context could hold."""
        self._clip, self._cache, self.name = clip, cache, clip.name
        self.made, self.cut = 0, 0

    def pictures(self, images: Sequence[bytes]) -> Pictures:
        """JPEG or PNG bytes to unit vectors; what cannot be read is told by its place."""
        bad: dict[bytes, str] = {}

        def embed(part: Sequence[bytes]) -> list[Vectors]:
            try:
                return list(self._clip.embed_images(part))
            except PermanentError as error:
                if len(part) == 1:
                    bad[part[0]] = plain_line(f"{error.reason} {error.evidence}")[:200]
                    return [np.zeros(0, np.float32)]
                return [vector for one in part for vector in embed([one])]

        vectors = self._remembered("picture", images, lambda image: image, embed)
        return Pictures(_stack(vectors), {i: bad[image] for i, image in enumerate(images) if image in bad})

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Texts of any length to one unit vector each, (n, d); (0, 0) for none."""
        return _stack(self._remembered("text.v1", texts, lambda text: text.encode("utf-8", "replace"), self._whole))

    def sentences(self, texts: Sequence[str]) -> list[Vectors]:
        """For each text the unit vectors of its sentences (s, d); (0, d) for a text without words."""
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
    ) -> list[Vectors]:
        keys = [hashlib.sha256(f"{self.name}\0{kind}\0".encode() + content(item)).digest() for item in items]
        unique = dict(zip(keys, items, strict=True))
        known = self._cache.get(list(unique)) if self._cache else {}
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
        """One vector a text: its own where it fits, else the normalized mean of its pieces' vectors."""
        pieces: list[tuple[int, str]] = list(enumerate(texts))
        parts: list[list[Vectors]] = [[] for _ in texts]
        while pieces:
            vectors, fits = self._fitting([piece for _, piece in pieces])
            rest: list[tuple[int, str]] = []
            for (owner, piece), vector, fit in zip(pieces, vectors, fits, strict=True):
                smaller = [] if fit else _take_apart(piece)
                rest += [(owner, one) for one in smaller]
                if not smaller:
                    self.cut += not fit
                    parts[owner].append(vector)
            pieces = rest
        return [_unit_mean(part) for part in parts]

    def _fitting(self, texts: Sequence[str]) -> tuple[Vectors, Flags]:
        vectors = self._clip.embed_texts(texts)
        fits = np.ones(len(texts), np.bool_)
        asked = [i for i, text in enumerate(texts) if len(text) > _SURE or not text.isascii()]
        if asked:
            longer = self._clip.embed_texts([texts[i] + _TAIL for i in asked])
            fits[asked] = np.abs(longer - vectors[asked]).max(axis=1) > _SAME
        return vectors, fits


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, one line each, without control characters: after . ! ? and their like, and new lines.

    A stop after an initial or a common English abbreviation is none; text without words gives no sentence.
    """
    found: list[str] = []
    start = 0
    for border in _BORDER.finditer(text):
        if not _ABBREVIATION.search(text[max(0, border.start() - 12) : border.start()]) or "\n" in border[0]:
            found.append(text[start : border.end()])
            start = border.end()
    lines = (plain_line(one) for one in [*found, text[start:]])
    return [line for line in lines if any(map(str.isalnum, line))]


def cross_modal(
    cases: Iterable[tuple[Reference, Prediction]],
    embedder: Embedder,
    options: CrossModalOptions,
    features: FrameFeatures | None = None,
) -> Iterator[CrossModalValues]:
    """F_CLIP, Cross-F_CLIP and VT-CLIPScore of a stream of videos, in order; 16 of them are held at a time.

    Frames are embedded from `Reference.pictures`; `features` may give vectors of the same checkpoint instead. A metric
    that needs a frame that is in neither, or cannot be read, is undefined and says so. Raises ConfigError when
    `options.clip` is not the embedder's checkpoint.
    """
    if options.clip != embedder.name:
        raise ConfigError(f"the options name the CLIP {options.clip!r}, and {embedder.name!r} is loaded")
    stream = iter(cases)
    while window := list(islice(stream, _WINDOW)):
        needs = [_Needs(reference, prediction, options) for reference, prediction in window]
        given = [dict(features(need.reference, need.frames)) if features else {} for need in needs]
        wanted = [
            [f for f in need.frames if f not in have and f in need.reference.pictures]
            for need, have in zip(needs, given, strict=True)
        ]
        places = [(i, frame) for i, frames in enumerate(wanted) for frame in frames]
        pictures = embedder.pictures([needs[i].reference.pictures[frame] for i, frame in places])
        unreadable = {places[row][0] for row in pictures.unreadable}
        for row, (i, frame) in enumerate(places):
            if row not in pictures.unreadable:
                given[i][frame] = pictures.vectors[row]
        texts = [text for need in needs for text in need.texts]
        units = embedder.sentences(texts)
        if options.text_unit == "text":
            vectors = embedder.texts(list(map(_lines, texts)))
            units = [vectors[i : i + min(len(unit), 1)] for i, unit in enumerate(units)]
        whole = embedder.texts([_lines(need.texts[-1]) for need in needs])
        at = 0
        for i, need in enumerate(needs):
            yield need.measured(given[i], i in unreadable, units[at : at + len(need.texts)], whole[i])
            at += len(need.texts)


class _Needs:
    """One video: the frames and texts that its metrics need, and the metrics from their vectors."""

    def __init__(self, reference: Reference, prediction: Prediction, options: CrossModalOptions) -> None:
        self.reference, self.options = reference, options
        self._failure, self._said = prediction.failure is not None, prediction.text is not None
        self.texts = [*reference.texts, prediction.text or ""]
        chosen = None if self._failure else predicted_frames(prediction, options)
        self._chosen = None if chosen is None else np.flatnonzero(chosen).tolist()
        masks = () if self._failure else reference_frames(reference)
        self._annotators = [np.flatnonzero(mask).tolist() for mask in masks]
        self.frames: list[int] = sorted({f for frames in (*self._annotators, self._chosen or ()) for f in frames})

    def measured(
        self, vectors: Mapping[int, Vectors], unreadable: bool, units: Sequence[Vectors], whole: Vectors
    ) -> CrossModalValues:
        """`units`: the vectors of each of `texts`; `whole`: of the last, the predicted one, as a whole."""
        if self._failure:
            return failed(self.options)
        why = "unreadable picture of a frame" if unreadable else "no picture of a frame"
        if any(frame not in vectors for frame in self._chosen or ()):
            return undefined_everywhere(why)
        lacking = any(frame not in vectors for frames in self._annotators for frame in frames)

        def rows(frames: Sequence[int]) -> Vectors:
            return np.stack([vectors[f] for f in frames]) if frames else np.zeros((0, len(whole)), np.float32)

        found = measure(
            Embedded(
                reference_frames=[] if lacking else [rows(frames) for frames in self._annotators],
                predicted_frames=None if self._chosen is None else rows(self._chosen),
                reference_texts=units[:-1],
                predicted_text=units[-1] if self._said else None,
                whole_text=whole if self._said else None,
            ),
            self.options,
        )
        told = {name: why if lacking and reason == NO_REFERENCE else reason for name, reason in found.undefined.items()}
        return CrossModalValues(found.values, told)


def _lines(text: str) -> str:
    """A text without control characters, its lines kept apart."""
    return "\n".join(filter(None, map(plain_line, text.splitlines())))


def _take_apart(text: str) -> list[str]:
    """Its sentences; of one sentence the halves; nothing of one word."""
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


def _unit_mean(vectors: Sequence[Vectors]) -> Vectors:
    if len(vectors) == 1:
        return vectors[0]
    mean = np.mean(np.stack(vectors), axis=0, dtype=np.float64)
    norm = float(np.linalg.norm(mean))
    unit: Vectors = np.divide(mean, norm if norm > 0 else 1.0).astype(np.float32)
    return unit


def _stack(vectors: Sequence[Vectors]) -> Vectors:
    """Rows of one width; what has no width (an unreadable picture) becomes zeros."""
    width = max(map(len, vectors), default=0)
    if not vectors:
        return np.zeros((0, 0), np.float32)
    return np.stack([v if len(v) else np.zeros(width, np.float32) for v in vectors])
